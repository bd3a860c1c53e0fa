"""Kubernetes' errors: a Status object with a reason that clients tell apart."""

from sandbox.errors import Json


class KubernetesError(Exception):
    """A refused request.

    Args:
        code: the HTTP status.
        reason: Kubernetes' word for it, e.g. "NotFound".
        message: the sentence for a person.
        details: name, kind (the plural), causes.
    """

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details or {}

    def body(self) -> Json:
        """The Status object."""
        head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        return {**head, "message": self.message, "reason": self.reason, "details": self.details, "code": self.code}


def not_found(plural: str, name: str) -> KubernetesError:
    """404 NotFound."""
    return KubernetesError(404, "NotFound", f'{plural} "{name}" not found', {"name": name, "kind": plural})


def already_exists(plural: str, name: str) -> KubernetesError:
    """409 AlreadyExists."""
    message = f'{plural} "{name}" already exists'
    return KubernetesError(409, "AlreadyExists", message, {"name": name, "kind": plural})


def conflict(plural: str, name: str, why: str) -> KubernetesError:
    """409 Conflict."""
    message = f'Operation cannot be fulfilled on {plural} "{name}": {why}'
    return KubernetesError(409, "Conflict", message, {"name": name, "kind": plural})


def forbidden(plural: str, name: str, why: str) -> KubernetesError:
    """403 Forbidden."""
    message = f'{plural} "{name}" is forbidden: {why}'
    return KubernetesError(403, "Forbidden", message, {"name": name, "kind": plural})


def invalid(kind: str, name: str, field: str, why: str) -> KubernetesError:
    """422 Invalid, for one field."""
    causes = [{"reason": "FieldValueInvalid", "message": why, "field": field}]
    details = {"name": name, "kind": kind, "causes": causes}
    return KubernetesError(422, "Invalid", f'{kind} "{name}" is invalid: {field}: {why}', details)


def forbidden_option(field: str, why: str) -> KubernetesError:
    """422 Invalid, for an option of a list or watch that this server does not take."""
    why = f"Forbidden: {why}"
    causes = [{"reason": "FieldValueForbidden", "message": why, "field": field}]
    details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": causes}
    return KubernetesError(422, "Invalid", f'ListOptions.meta.k8s.io "" is invalid: {field}: {why}', details)


def bad_request(message: str) -> KubernetesError:
    """400 BadRequest."""
    return KubernetesError(400, "BadRequest", message)
