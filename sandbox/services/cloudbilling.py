"""cloudbilling: that the sandbox's projects are billed, which the plugins ask with a project's data."""

from sandbox.errors import Json
from sandbox.registry import Call, method
from sandbox.services import iam_policies

ACCOUNT = "billingAccounts/000000-5A4DB0-000000"


@method("cloudbilling.projects.getBillingInfo")
def get_billing_info(call: Call) -> Json:
    """The billing account of a project; as on Google one that the caller may not see is refused."""
    project = call.sandbox.require_project(call.params["name"].removeprefix("projects/"), call.service)
    iam_policies.require(call, f"projects/{project['projectId']}", "resourcemanager.projects.get")
    return {
        "name": f"projects/{project['projectId']}/billingInfo",
        "projectId": project["projectId"],
        "billingAccountName": ACCOUNT,
        "billingEnabled": True,
    }
