"""What can go wrong, as exceptions whose text is a sentence for a person.

Failure                     anything that a call can end with
├── Cancelled               the engine asked for an end (Ctrl-C)
├── TimedOut                the deadline passed
├── Unreachable             Google did not get the request: nothing was changed
├── Uncertain               the answer was lost: Google may have done it
├── ApiError                Google answered with an error
├── NotCredentialed         no credentials, or they no longer work
└── Refused                 this provider will not do it, or what Google did is not what was asked
Unfinished                  not an end: the resource exists (or may), and the next `pulumi up` goes on from here
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc


class Failure(Exception):  # noqa: N818 - its kinds read as what happened
    """A call that failed, in a sentence."""

    grpc_status: grpc.StatusCode = grpc.StatusCode.FAILED_PRECONDITION


class Cancelled(Failure):
    """The engine asked for an end."""

    grpc_status = grpc.StatusCode.CANCELLED

    def __init__(self) -> None:
        super().__init__("Cancelled before anything was changed.")


class TimedOut(Failure):
    """The deadline passed; `timeout` is the time allowed, in seconds."""

    grpc_status = grpc.StatusCode.DEADLINE_EXCEEDED

    def __init__(self, timeout: float) -> None:
        super().__init__(f"The time allowed ({timeout:g} s) passed before anything was changed.")
        self.timeout = timeout


class Unreachable(Failure):
    """Google did not get the request."""


class Uncertain(Failure):
    """The request was sent and its answer lost."""


class NotCredentialed(Failure):
    """There are no credentials, or they no longer work."""

    grpc_status = grpc.StatusCode.UNAUTHENTICATED


class Refused(Failure):
    """This provider will not do it."""


class ApiError(Failure):
    """An error that Google answered with.

    Attributes:
        http: The HTTP status, 0 where the error came from an operation.
        status: Google's name of it, like `FAILED_PRECONDITION`; "" where the answer was not Google's.
        message: Google's own words.
        details: Google's `google.rpc` details, as they came.
    """

    def __init__(self, http: int, status: str, message: str, details: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.http = http
        self.status = status
        self.message = message
        self.details = details

    @property
    def gone(self) -> bool:
        """Whether Google says that the thing does not exist. Another server's 404 does not say so."""
        return self.status == "NOT_FOUND"

    @property
    def busy(self) -> bool:
        """Whether trying again may help once other operations are over, or after reading the thing anew."""
        return self.status in ("ABORTED", "FAILED_PRECONDITION", "ALREADY_EXISTS") or self.http == 409

    @property
    def rate_limited(self) -> bool:
        """Whether too many requests were sent in a short time (a quota of machines is another thing)."""
        limited = self.http == 429 or self.status == "RESOURCE_EXHAUSTED"
        return limited and not self.quota_metrics

    @property
    def quota_metrics(self) -> list[str]:
        """The quotas of machines or accelerators that are used up, as Google names them."""
        words = self.message.replace(",", " ").replace("'", " ").split()
        named = [word.rstrip(".;:") for word in words if word.startswith("aiplatform.googleapis.com/")]
        for detail in self.details:
            metric = detail.get("metadata", {}).get("quota_metric", "")
            named.append(str(metric))
            named.extend(str(violation.get("subject", "")) for violation in detail.get("violations", []))
        return [name for name in dict.fromkeys(named) if "custom_model_serving" in name]

    @property
    def retry_delay(self) -> float | None:
        """Seconds after which Google asks to try again (`google.rpc.RetryInfo`)."""
        for detail in self.details:
            delay = str(detail.get("retryDelay", ""))
            if delay.endswith("s") and delay[:-1].replace(".", "", 1).isdigit():
                return float(delay[:-1])
        return None


class Unfinished(Exception):  # noqa: N818 - no error: the resource is on its way
    """The resource is on its way: what is known of it goes into the state, and the next update resumes.

    Attributes:
        id: The Pulumi id.
        properties: What is known of the resource's outputs.
        inputs: Its inputs, where a read found it so.
        grpc_status: What kind of end this is.
    """

    def __init__(
        self,
        reason: str,
        id_: str,
        properties: Mapping[str, Any],
        inputs: Mapping[str, Any] | None = None,
        grpc_status: grpc.StatusCode = grpc.StatusCode.FAILED_PRECONDITION,
    ) -> None:
        super().__init__(reason)
        self.id = id_
        self.properties = properties
        self.inputs = inputs
        self.grpc_status = grpc_status
