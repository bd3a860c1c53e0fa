"""What can go wrong, as one tree. Every message is a sentence: what happened, where, and what to do.

GeminiClientError
 ├── ConfigurationError     environment, routes file or arguments; nothing was sent
 ├── CredentialsError       no token, or no API key, could be got; nothing was sent to a model
 ├── Refused                the API said no (4xx but 429): the request, the permission or the model is wrong
 ├── QuotaExhausted         429 RESOURCE_EXHAUSTED, still so after the retries
 ├── Unavailable            no route could answer: 5xx, no connection, or open circuit breakers
 │    └── LimitReached      the Developer API was needed, and this client's own bounds for it are used up
 ├── StreamInterrupted      a stream ended too early after text had been given out; `.text` has it
 └── DeadlineExceeded       the deadline of the whole call passed before an answer began
"""

import re
from dataclasses import dataclass
from typing import ClassVar

_CANONICAL = re.compile(r"[A-Z_]{2,30}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one route in a call that failed: its name, and why it gave no answer."""

    route: str
    reason: str


class GeminiClientError(Exception):
    """All that this package raises on purpose.

    Attributes:
        code: HTTP status that the API answered, 0 where it answered none.
        status: its canonical name ("RESOURCE_EXHAUSTED"), "" where there is none.
        route: name of the route that was asked last, "" where none was.
        retry_after: seconds that the server asked to wait, None where it did not say.
        attempts: each route that was tried or passed over, in their order, with the reason.
        brief: what happened, without a word of the server's, which may repeat the prompt; for logs, events and spans.
        own_words: of a class: its messages are made of this package's words alone, so that they are the brief too.
    """

    own_words: ClassVar[bool] = False
    code: int = 0
    status: str = ""
    route: str = ""
    retry_after: float | None = None
    attempts: tuple[Attempt, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        status: str = "",
        route: str = "",
        retry_after: float | None = None,
        brief: str = "",
    ) -> None:
        super().__init__(message)
        self.code, self.status, self.route, self.retry_after = code, status, route, retry_after
        self.brief = brief or (message if self.own_words else self._in_brief())

    def _in_brief(self) -> str:
        kind = type(self).__name__
        if not self.code:
            return f"{kind} of {self.route}." if self.route else f"{kind}."
        status = f" {self.status}" if _CANONICAL.fullmatch(self.status) else ""
        return f"{self.route or 'The server'} answered {self.code}{status} ({kind})."


class ConfigurationError(GeminiClientError):
    """The environment, the routes file or an argument is wrong. Nothing was sent."""


class CredentialsError(GeminiClientError):
    """There is no token or API key to call with; the message says which binding or variable to look at."""


class Refused(GeminiClientError):  # noqa: N818 - named for what happened, as the whole tree is
    """Vertex AI answered 4xx, except 429. Asking again, or elsewhere, would not help.

    A fallback route's counts as well: `attempts` then has the outage before it. That of the Developer API does not,
    which has other models and its own permissions: the outage that led there stays the answer, Unavailable.
    """


class QuotaExhausted(GeminiClientError):  # noqa: N818
    """429 RESOURCE_EXHAUSTED after all retries that the deadline and the retry budget allowed."""


class Unavailable(GeminiClientError):  # noqa: N818
    """No route answered.

    Attributes:
        retryable: whether the same route may be asked again: 503, or a connection that broke before the answer began.
    """

    retryable: bool = False


class LimitReached(Unavailable):
    """The bounds of this client's own calls to the Gemini Developer API were reached. Nothing was sent there."""

    own_words = True


class StreamInterrupted(GeminiClientError):  # noqa: N818
    """A stream broke off after text had been given out, so it cannot be asked again unnoticed.

    Attributes:
        text: all text that was given out before.
    """

    text: str = ""


class DeadlineExceeded(GeminiClientError):  # noqa: N818
    """The whole call's deadline passed: a hanging answer, or waits that would have ended after it."""

    own_words = True
