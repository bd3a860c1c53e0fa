"""The access policy that a perimeter goes into: an organization has room for one without scopes."""

from preflight.access import Project
from preflight.finding import Finding
from preflight.google import Google, RefusedError, unmade
from preflight.stack import State
from settings import Settings

_CHECK = "access policy"


def check_access_policy(google: Google, settings: Settings, project: Project, state: State) -> list[Finding]:
    """Whether the policy that the stack is to make has room (accesscontextmanager v1 `accessPolicies.list`)."""
    perimeter = settings.perimeter
    organization = perimeter.organization or project.organization
    if perimeter.mode == "off" or perimeter.access_policy or not organization:
        return []
    parent = f"organizations/{organization}"
    try:
        listed = google.get("accesscontextmanager.googleapis.com", "v1/accessPolicies", parent=parent)
    except RefusedError as error:
        permission = "accesscontextmanager.policies.list"
        return [unmade(_CHECK, error, settings.project, permission, google.member, organization)]
    whole = [policy for policy in listed.get("accessPolicies", []) if not policy.get("scopes")]
    if not whole:
        return [Finding(_CHECK, "ok", f"organization {organization} has none, so this stack makes one")]
    number, title = str(whole[0]["name"]).rpartition("/")[2], whole[0].get("title", "")
    if state.holds("accesscontextmanager/accessPolicy:AccessPolicy", number):
        return [Finding(_CHECK, "ok", f"{number} of organization {organization} is this stack's own")]
    seen = f"organization {organization} has {number} ({title}) already, and has room for no other, as this stack makes"
    fix = f"pulumi config set --path gemini-vertex:perimeter.accessPolicy {number}"
    return [Finding(_CHECK, "fail", seen, fix)]
