"""IAM policies of single endpoints, in v1beta1 alone. What one grants adds to what the project's policy grants.

Rules: discovery; cloud.google.com/vertex-ai/docs/general/access-control#resource-level.
"""

from sandbox.errors import Json
from sandbox.registry import Call, method
from sandbox.services import iam_policies
from sandbox.services.aiplatform import endpoints

_ENDPOINTS = "aiplatform.projects.locations.endpoints."


def _resource(call: Call) -> str:
    """The canonical name of the endpoint, which must be there."""
    return str(endpoints.find(call.sandbox, call.params["resource"])[0])


@method(_ENDPOINTS + "getIamPolicy")
def get_policy(call: Call) -> Json:
    """Who may use the endpoint, beside those whom the project's policy lets."""
    version = int(call.query.get("options.requestedPolicyVersion", 0))
    return iam_policies.get_policy(call.sandbox, _resource(call), version)


@method(_ENDPOINTS + "setIamPolicy")
def set_policy(call: Call) -> Json:
    """Says who may use the endpoint."""
    resource = _resource(call)
    return iam_policies.set_policy(call.sandbox, resource, call.body.get("policy", {}))


@method(_ENDPOINTS + "testIamPermissions")
def test_permissions(call: Call) -> Json:
    """Which permissions the caller has on the endpoint."""
    return iam_policies.held(call, _resource(call), call.query.get("permissions", "").split(","))
