"""The Vertex AI REST API, as much of it as this provider calls.

Source: the discovery documents of aiplatform v1, `projects.locations.endpoints`, and of v1beta1,
`projects.locations.publishers.models`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from vertex_serving.provider.failures import ApiError, Failure, Uncertain, Unreachable
from vertex_serving.provider.task import Task

Json = dict[str, Any]

_READ_ATTEMPTS: Final = 8
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})
_LOST: Final = frozenset({500, 502, 503, 504})


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, whatever its status; `body` is its JSON value, or None where there is none."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str


class Transport(Protocol):
    """Sends one authorised HTTP request.

    Raises:
        Unreachable: The request did not reach the server.
        Uncertain: It was sent, and no answer came.
        NotCredentialed: There are no credentials.
    """

    def __call__(self, method: str, url: str, query: Mapping[str, str], body: Json | None) -> Answer:
        """Send the request and return the answer, whatever its status."""


class Vertex:
    """Calls on endpoints, publishers' models and their operations.

    Args:
        address: Returns the base address for a region, ending in the API's version and a slash.
        transport: Sends the requests.
    """

    def __init__(self, address: Callable[[str], str], transport: Transport) -> None:
        self._address = address
        self._transport = transport

    def endpoint(self, task: Task, name: str) -> Json:
        """Return an Endpoint (endpoints.get)."""
        return self._read(task, name, {})

    def operation(self, task: Task, name: str, *, beta: bool = False) -> Json:
        """Return an Operation (operations.get), in v1beta1 where a method of that started it."""
        return self._read(task, name, {}, beta)

    def publisher_model_config(self, task: Task, name: str) -> Json:
        """Return a PublisherModelConfig (v1beta1 publishers.models.fetchPublisherModelConfig)."""
        return self._read(task, f"{name}:fetchPublisherModelConfig", {}, beta=True)

    def set_publisher_model_config(self, task: Task, name: str, logging: Json) -> Json:
        """Start a change of a model's log (v1beta1 publishers.models.setPublisherModelConfig); return the Operation."""
        body = {"publisherModelConfig": {"loggingConfig": logging}, "updateMask": "loggingConfig"}
        return self._change(task, "POST", f"{name}:setPublisherModelConfig", {}, body, beta=True)

    def running_operations(self, task: Task, endpoint: str) -> list[Json]:
        """Return the endpoint's operations that are not done (endpoints.operations.list, every page)."""
        running: list[Json] = []
        token = ""
        while True:
            query = {"pageSize": "100"} | ({"pageToken": token} if token else {})
            page = self._read(task, f"{endpoint}/operations", query)
            running += [operation for operation in page.get("operations", []) if not operation.get("done")]
            token = page.get("nextPageToken", "")
            if not token:
                return running

    def deploy_model(self, task: Task, endpoint: str, deployed_model: Json) -> Json:
        """Start a deployment that takes no traffic (endpoints.deployModel) and return its Operation."""
        return self._change(task, "POST", f"{endpoint}:deployModel", {}, {"deployedModel": deployed_model})

    def mutate_deployed_model(self, task: Task, endpoint: str, deployed_model: Json, mask: list[str]) -> Json:
        """Start an in-place change (endpoints.mutateDeployedModel) and return its Operation."""
        body = {"deployedModel": deployed_model, "updateMask": ",".join(mask)}
        return self._change(task, "POST", f"{endpoint}:mutateDeployedModel", {}, body)

    def undeploy_model(self, task: Task, endpoint: str, deployed_model_id: str) -> Json:
        """Start an undeployment (endpoints.undeployModel) and return its Operation."""
        return self._change(task, "POST", f"{endpoint}:undeployModel", {}, {"deployedModelId": deployed_model_id})

    def set_traffic_split(self, task: Task, endpoint: str, split: Mapping[str, int], etag: str) -> Json:
        """Overwrite the traffic split of an endpoint that is still as it was read (endpoints.patch); return it."""
        body: Json = {"trafficSplit": dict(split)}
        if etag:
            body["etag"] = etag
        return self._change(task, "PATCH", endpoint, {"updateMask": "trafficSplit"}, body)

    def _url(self, path: str, beta: bool) -> str:
        address = self._address(region_of(path))
        if beta:
            address = address.rstrip("/").rpartition("/")[0] + "/v1beta1/"
        return address + path

    def _read(self, task: Task, path: str, query: Mapping[str, str], beta: bool = False) -> Json:
        """Send a GET; what may pass (429, 5xx, a lost connection) is tried again, ever more slowly."""
        url = self._url(path, beta)
        for attempt in range(_READ_ATTEMPTS):
            delay: float | None = None
            try:
                answer = task.request(lambda: self._transport("GET", url, query, None), changes=False)
                if answer.status not in _TRANSIENT:
                    return _json(answer)
                failure: Failure = _error(answer)
                delay = _asked_delay(answer)
            except (Unreachable, Uncertain) as lost:
                failure = lost
            if attempt + 1 == _READ_ATTEMPTS:
                raise failure
            task.pause(delay if delay is not None else _backoff(attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _change(
        self, task: Task, method: str, path: str, query: Mapping[str, str], body: Json, beta: bool = False
    ) -> Json:
        """Send a request that changes something: tried again only where it surely had no effect."""
        url = self._url(path, beta)
        for attempt in range(_READ_ATTEMPTS):
            try:
                answer = task.request(lambda: self._transport(method, url, query, body), changes=True)
            except Unreachable:
                if attempt + 1 == _READ_ATTEMPTS:
                    raise
                task.pause(_backoff(attempt))
                continue
            if answer.status in _LOST:
                words = str(_error(answer)).rstrip(".")
                raise Uncertain(f"Google answered HTTP {answer.status} ({words}): the change may or may not be made.")
            if answer.status != 429:
                return _json(answer)
            error = _error(answer)
            if not error.rate_limited or attempt + 1 == _READ_ATTEMPTS:
                raise error
            delay = _asked_delay(answer)
            task.pause(delay if delay is not None else _backoff(attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")


def region_of(name: str) -> str:
    """Return the region in a resource name like `projects/P/locations/R/endpoints/E`."""
    parts = name.split("/")
    return parts[3] if len(parts) > 3 and parts[2] == "locations" else ""


def project_of(name: str) -> str:
    """Return the project in a resource name like `projects/P/locations/R/endpoints/E`."""
    parts = name.split("/")
    return parts[1] if len(parts) > 1 and parts[0] == "projects" else ""


def operation_error(operation: Mapping[str, Any]) -> ApiError | None:
    """Return the error that an operation ended with, or None."""
    error = operation.get("error")
    if not error:
        return None
    status = _RPC_CODES.get(int(error.get("code", 2)), "UNKNOWN")
    return ApiError(0, status, str(error.get("message", "")), error.get("details", []))


def _json(answer: Answer) -> Json:
    if answer.status >= 400:
        raise _error(answer)
    if not isinstance(answer.body, dict):
        raise ApiError(answer.status, "", f"the answer is not JSON: {answer.text[:200]!r}")
    return answer.body


def _error(answer: Answer) -> ApiError:
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if isinstance(error, dict):
        return ApiError(
            answer.status, str(error.get("status", "")), str(error.get("message", "")), error.get("details", [])
        )
    return ApiError(answer.status, "", answer.text[:200].strip() or "no words with it")


def _asked_delay(answer: Answer) -> float | None:
    header = answer.headers.get("Retry-After", "")
    return float(header) if header.isdigit() else _error(answer).retry_delay


def _backoff(attempt: int) -> float:
    return min(0.25 * 2.0**attempt, 8.0) * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, no secret


_RPC_CODES: Final = dict(
    enumerate(
        (
            "OK",
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
            "UNAUTHENTICATED",
        )
    )
)
