"""What somebody put beside a stack's own resources: the engine compares only what it made, and never sees these."""

import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import permissions
from preflight.google import Google, RefusedError, granting

Json = dict[str, Any]

_ENDPOINT: Final = "gcp:vertex/aiEndpoint:AiEndpoint"
_DEPLOYED: Final = "vertex-serving:index:DeployedModel"
_ACCOUNT: Final = "gcp:serviceaccount/account:Account"
_MEMBER: Final = "gcp:serviceaccount/iAMMember:IAMMember"


def additions(resources: Iterable[Json]) -> list[str]:
    """A sentence for each deployed model and each grant that is not the stack's, and what takes it away.

    Looks at what the stack made itself: its endpoint (aiplatform v1 `endpoints.get`) and its Google service account
    (iam v1 `serviceAccounts.getIamPolicy`). On an endpoint or a project that it shares, others may have theirs.

    Args:
        resources: the state of each of the stack's resources: `type`, `id`, `inputs` and `outputs`.

    Raises:
        preflight.google.RefusedError: Google did not let them be read.
    """
    by_type: dict[str, list[Json]] = {}
    for each in resources:
        by_type.setdefault(str(each.get("type")), []).append(each)
    endpoints, accounts = by_type.get(_ENDPOINT, []), by_type.get(_ACCOUNT, [])
    if not endpoints and not accounts:
        return []
    google = Google()
    found = [*_models(google, endpoints, by_type.get(_DEPLOYED, []))]
    return [*found, *_grants(google, accounts, by_type.get(_MEMBER, []))]


def refused(error: RefusedError) -> str:
    """Google's refusal with the permission that is missing and the command that grants it, where they are known."""
    missing = error.permission or permissions.named_in(error.message)
    role = permissions.role_with(missing) if missing else None
    return f"{error}\nyour account lacks {missing}: {granting(role, 'projects PROJECT', '')}" if role else str(error)


def _models(google: Google, endpoints: list[Json], deployed: list[Json]) -> Iterator[str]:
    ours = {str((each.get("outputs") or {}).get("deployedModelId")) for each in deployed}
    for endpoint in endpoints:
        path, name = endpoint["id"], endpoint["urn"].rpartition("::")[2]
        live = _unless_gone(google.get, f"{path.split('/')[3]}-aiplatform.googleapis.com", f"v1/{path}")
        for model in live.get("deployedModels", []):
            if model["id"] not in ours:
                what = f"{model.get('displayName') or model['id']} ({model['model']}) is deployed and not the stack's"
                mend = f"gcloud ai endpoints undeploy-model {path} --deployed-model-id={model['id']}"
                yield f"AiEndpoint {name}: {what}; to take it away: {mend}"


def _grants(google: Google, accounts: list[Json], members: list[Json]) -> Iterator[str]:
    ours = {_grant(*(each["outputs"][key] for key in ("serviceAccountId", "role", "member"))) for each in members}
    for account in accounts:
        path, email = account["id"], account["id"].rpartition("/")[2]
        live = _unless_gone(google.policy, "iam.googleapis.com", f"v1/{path}")
        for binding in live.get("bindings", []):
            role = binding["role"]
            for member in binding["members"]:
                if _grant(path, role, member) not in ours:
                    what = f"{member} has {role} on it and not from the stack"
                    mend = f"gcloud iam service-accounts remove-iam-policy-binding {email} --role={role}"
                    yield f"Account {email}: {what}; to take it away: {mend} --member={shlex.quote(member)}"


def _grant(account: str, role: str, member: str) -> tuple[str, str, str]:
    """Google compares the addresses in members without regard to case."""
    return account, role, member.lower()


def _unless_gone(read: Callable[[str, str], Json], host: str, path: str) -> Json:
    """What is read; {} where it is gone, which the refresh has told."""
    try:
        return read(host, path)
    except RefusedError as error:
        if error.status == 404:
            return {}
        raise
