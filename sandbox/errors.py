"""Errors in the shape that Google's APIs give them."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

RPC = "type.googleapis.com/google.rpc."


class GoogleError(Exception):
    """An API error, answered as `{"error": {code, message, status, details}}`.

    Args:
        code: the HTTP status, e.g. 404.
        status: the canonical name of it, e.g. "NOT_FOUND" (google.rpc.Code).
        message: the sentence for a person.
        details: google.rpc details, each with its "@type".
        headers: extra HTTP headers of the answer.
    """

    def __init__(
        self,
        code: int,
        status: str,
        message: str,
        details: Sequence[Json] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = list(details)
        self.headers = headers or {}

    def body(self) -> Json:
        """The JSON that the HTTP answer carries."""
        error: Json = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def rpc_status(self) -> Json:
        """The google.rpc.Status that a failed long-running operation carries."""
        status: Json = {"code": RPC_CODES[self.status], "message": self.message}
        if self.details:
            status["details"] = self.details
        return status


class UnreachableError(Exception):
    """No answer can come, as a network does not lead there; the connection is broken, and the message recorded."""


RPC_CODES = {
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "DATA_LOSS": 15,
    "UNAUTHENTICATED": 16,
}


# https://cloud.google.com/apis/design/errors: the HTTP code that each canonical code becomes.
HTTP_CODES = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
    "UNAUTHENTICATED": 401,
}
# What Google's front end says where the service behind it gave no sentence of its own.
CANNED = {
    "CANCELLED": "The operation was cancelled.",
    "UNKNOWN": "Unknown Error.",
    "INVALID_ARGUMENT": "Request contains an invalid argument.",
    "DEADLINE_EXCEEDED": "Deadline expired before operation could complete.",
    "NOT_FOUND": "Requested entity was not found.",
    "ALREADY_EXISTS": "Requested entity already exists",
    "PERMISSION_DENIED": "The caller does not have permission",
    "RESOURCE_EXHAUSTED": "Resource has been exhausted (e.g. check quota).",
    "FAILED_PRECONDITION": "Precondition check failed.",
    "ABORTED": "The operation was aborted.",
    "OUT_OF_RANGE": "Value is out of range.",
    "UNIMPLEMENTED": "Operation is not implemented, or supported, or enabled.",
    "INTERNAL": "Internal error encountered.",
    "UNAVAILABLE": "The service is currently unavailable.",
    "DATA_LOSS": "Unrecoverable data loss or corruption.",
    "UNAUTHENTICATED": "The request does not have valid authentication credentials.",
}


def invalid_argument(message: str, violations: Sequence[tuple[str, str]] = ()) -> GoogleError:
    """400 INVALID_ARGUMENT; `violations` are (field, description) pairs of a google.rpc.BadRequest."""
    return GoogleError(400, "INVALID_ARGUMENT", message, [bad_request(violations)] if violations else [])


def failed_precondition(message: str) -> GoogleError:
    """400 FAILED_PRECONDITION: the request is right, the state of the resource is not."""
    return GoogleError(400, "FAILED_PRECONDITION", message)


def not_found(message: str) -> GoogleError:
    """404 NOT_FOUND."""
    return GoogleError(404, "NOT_FOUND", message)


def already_exists(message: str) -> GoogleError:
    """409 ALREADY_EXISTS."""
    return GoogleError(409, "ALREADY_EXISTS", message)


def aborted(message: str) -> GoogleError:
    """409 ABORTED: an etag that is no longer current, or a concurrent change."""
    return GoogleError(409, "ABORTED", message)


def permission_denied(message: str, details: Sequence[Json] = ()) -> GoogleError:
    """403 PERMISSION_DENIED."""
    return GoogleError(403, "PERMISSION_DENIED", message, details)


def bad_request(violations: Sequence[tuple[str, str]]) -> Json:
    """A google.rpc.BadRequest detail; an empty field name is left out, as Google leaves it out."""
    found = []
    for field, description in violations:
        violation = {"field": field} if field else {}
        found.append({**violation, "description": description})
    return {"@type": RPC + "BadRequest", "fieldViolations": found}


def error_info(reason: str, metadata: dict[str, str], domain: str = "googleapis.com") -> Json:
    """A google.rpc.ErrorInfo detail."""
    return {"@type": RPC + "ErrorInfo", "reason": reason, "domain": domain, "metadata": metadata}
