"""IAM policies of all resources that have one: bindings with conditions, etags, versions, and who may do what.

Rules: cloud.google.com/iam/docs/policies (etag, version 3 for conditions), /docs/troubleshooting-policies (members).
"""

import base64
import functools
import hashlib
import json
import re
from typing import TYPE_CHECKING

from sandbox import registry
from sandbox.core import ORGANIZATION
from sandbox.errors import GoogleError, Json, aborted, error_info, invalid_argument
from sandbox.identity import DEPLOYER
from sandbox.registry import Call
from sandbox.services.iam_conditions import met
from sandbox.services.iam_roles import grants

if TYPE_CHECKING:
    from sandbox.core import Sandbox

KIND = "iamPolicy"
_VERSIONS = (0, 1, 3)
_EMPTY_ETAG = "ACAB"
_ALL = ("allUsers", "allAuthenticatedUsers")
_PRINCIPALS = ("principal", "principalSet", "principalHierarchy")
_CONVENIENCE = ("projectOwner", "projectEditor", "projectViewer")
_MEMBER_KINDS = ("user", "group", "domain", "serviceAccount", "deleted", *_PRINCIPALS, *_CONVENIENCE)
_POD = re.compile(
    r"principal:(?P<pool>//iam\.googleapis\.com/projects/\d+/locations/global/workloadIdentityPools/[^/]+)"
    r"/subject/ns/(?P<namespace>[^/]+)/sa/(?P<account>[^/]+)"
)
_CONFLICT = (
    "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."
    " The request's ETag '{given}' did not match the current policy's ETag '{current}'."
)


def get_policy(sandbox: "Sandbox", resource: str, requested_version: int = 0) -> Json:
    """The policy of a resource such as "projects/p", in the version that was asked for.

    Below version 3 a conditional binding shows no condition, and its role is marked as conditional.
    """
    if requested_version not in _VERSIONS:
        raise invalid_argument(f"Invalid requested policy version {requested_version}. Valid versions are 0, 1 and 3.")
    bindings = _stored(sandbox, resource)["bindings"]
    answer: Json = {"etag": _etag(sandbox, resource)}
    conditional = any("condition" in b for b in bindings)
    if bindings:
        answer["version"] = 3 if conditional and requested_version == 3 else 1
        answer["bindings"] = bindings if requested_version == 3 else [_unconditional(b) for b in bindings]
    return answer


def set_policy(sandbox: "Sandbox", resource: str, policy: Json) -> Json:
    """Replaces the policy and returns it.

    Raises:
        GoogleError: 409 ABORTED where the etag is no longer the current one; 400 for a version, role or member that
            Google refuses, or conditions without version 3.
    """
    version = policy.get("version", 0)
    if version not in _VERSIONS:
        raise invalid_argument(f"Invalid policy version {version}. Valid versions are 0, 1 and 3.")
    given, current = policy.get("etag"), _etag(sandbox, resource)
    if given and given.rstrip("=") != current.rstrip("="):
        raise aborted(_CONFLICT.format(given=given, current=current))
    had_conditions = any("condition" in b for b in _stored(sandbox, resource)["bindings"])
    bindings = policy.get("bindings", [])
    if version != 3 and (had_conditions or any("condition" in b for b in bindings)):
        raise invalid_argument(f"Policy version {version} cannot hold conditional role bindings: set version 3.")
    for binding in bindings:
        _check_binding(sandbox, resource, binding)
    stored = _stored(sandbox, resource)
    sandbox.store.put(KIND, resource, {"bindings": _merged(bindings), "generation": stored["generation"] + 1})
    return get_policy(sandbox, resource, 3)


def drop_policy(sandbox: "Sandbox", resource: str) -> None:
    """Forgets the policy of a resource that is gone."""
    sandbox.store.delete(KIND, resource)


def rename_member(sandbox: "Sandbox", old: str, new: str) -> None:
    """Puts one member in another's place in every policy: what Google does when an account is deleted."""
    for resource, value in sandbox.store.list(KIND).items():
        bindings = [{**b, "members": [new if m == old else m for m in b["members"]]} for b in value["bindings"]]
        if bindings != value["bindings"]:
            sandbox.store.put(KIND, resource, {"bindings": bindings, "generation": value["generation"] + 1})


def allowed(sandbox: "Sandbox", member: str, resource: str, permission: str) -> bool:
    """Whether a member has a permission on a resource, by its own policy or one above it, its conditions met."""
    names, chain, now = identities(member), _chain(sandbox, resource), sandbox.clock.now()
    return any(
        not names.isdisjoint(b["members"])
        and grants(sandbox, b["role"], permission)
        and met(b.get("condition"), chain[0], permission, now)
        for name in chain
        for b in _stored(sandbox, name)["bindings"]
    )


@functools.lru_cache(maxsize=256)
def identities(member: str) -> frozenset[str]:
    """All that policies may call a caller: itself, its domain, its Kubernetes service account, or everybody.

    A pod's federated identity is principal://…/subject/ns/NS/sa/KSA; serviceAccount:POOL[NS/KSA] is its older name
    (cloud.google.com/kubernetes-engine/docs/concepts/workload-identity#principal-id-examples).
    """
    names = {member, *_ALL}
    kind, _, name = member.partition(":")
    if kind == "user":
        names.add(f"domain:{name.rpartition('@')[2]}")
    pod = _POD.fullmatch(member)
    if pod:
        pool, namespace, account = pod.group("pool", "namespace", "account")
        names |= {
            f"serviceAccount:{pool.rpartition('/')[2]}[{namespace}/{account}]",
            f"principalSet:{pool}/namespace/{namespace}",
            f"principalSet:{pool}/*",
        }
    return frozenset(names)


def require(call: Call, resource: str, permission: str) -> None:
    """Google's 403 IAM_PERMISSION_DENIED unless the caller has the permission on e.g. "projects/p"."""
    if allowed(call.sandbox, call.principal.member, resource, permission):
        return
    full = f"//{'iam' if 'serviceAccounts' in resource else 'cloudresourcemanager'}.googleapis.com/{resource}"
    metadata = {"permission": permission, "resource": resource}
    raise GoogleError(
        403,
        "PERMISSION_DENIED",
        f"Permission '{permission}' denied on resource '{full}' (or it may not exist).",
        [error_info("IAM_PERMISSION_DENIED", metadata, "iam.googleapis.com")],
    )


def held(call: Call, resource: str, given: list[str] | None = None) -> Json:
    """The answer of testIamPermissions: those of the asked permissions (the body's, or `given`) that the caller has."""
    asked = call.body.get("permissions", []) if given is None else given
    wild = [p for p in asked if "*" in p]
    if wild:
        raise invalid_argument(f"Permissions with wildcards cannot be tested: {', '.join(wild)}.")
    found = [p for p in asked if allowed(call.sandbox, call.principal.member, resource, p)]
    return {"permissions": found} if found else {}


@registry.seed
def _seed(sandbox: "Sandbox") -> None:
    """The deployer owns the project and administers the organization; the default service account is an editor."""
    deployer = f"user:{DEPLOYER}"
    for project, value in sandbox.store.list("project").items():
        default = f"serviceAccount:{value['projectNumber']}-compute@developer.gserviceaccount.com"
        owned = {"role": "roles/owner", "members": [deployer]}
        edited = {"role": "roles/editor", "members": [default]}
        sandbox.store.put(KIND, f"projects/{project}", {"bindings": [edited, owned], "generation": 1})
    above = ["roles/accesscontextmanager.policyAdmin", "roles/resourcemanager.organizationAdmin"]
    bindings = [{"role": role, "members": [deployer]} for role in above]
    sandbox.store.put(KIND, f"organizations/{ORGANIZATION}", {"bindings": bindings, "generation": 1})


@registry.state_view(KIND)
def _shown(_name: str, value: Json, seeded: Json | None) -> Json | None:
    """Only bindings count: an etag moves on even where everything is as it was."""
    before = seeded["bindings"] if seeded else []
    return None if _merged(value["bindings"]) == _merged(before) else {"bindings": value["bindings"]}


def _stored(sandbox: "Sandbox", resource: str) -> Json:
    return sandbox.store.get(KIND, resource) or {"bindings": [], "generation": 0}


def _etag(sandbox: "Sandbox", resource: str) -> str:
    stored = sandbox.store.get(KIND, resource)
    if stored is None:
        return _EMPTY_ETAG
    digest = hashlib.sha256(json.dumps([resource, stored], sort_keys=True).encode()).digest()
    return base64.b64encode(b"\x07\x06" + digest[:6]).decode()


def _chain(sandbox: "Sandbox", resource: str) -> list[str]:
    """The resource and what is above it; Vertex AI's resources by their canonical names, with the project's number."""
    chain = [resource]
    if resource.startswith("accessPolicies/"):
        return [resource, f"organizations/{ORGANIZATION}"]
    if resource.startswith("projects/"):
        above = sandbox.project(resource.split("/")[1])
        if above and "/locations/" in resource:
            chain = [f"projects/{above['projectNumber']}/{resource.split('/', 2)[2]}"]
        chain += [f"projects/{above['projectId']}", f"organizations/{above['organization']}"] if above else []
    return chain


def _merged(bindings: list[Json]) -> list[Json]:
    """One binding a role and condition, in the order of roles, without the empty ones."""
    merged: dict[str, Json] = {}
    for binding in bindings:
        key = json.dumps([binding["role"], binding.get("condition")], sort_keys=True)
        kept = merged.setdefault(key, {**binding, "members": []})
        kept["members"] = sorted({*kept["members"], *binding.get("members", [])})
    return [merged[key] for key in sorted(merged) if merged[key]["members"]]


def _unconditional(binding: Json) -> Json:
    if "condition" not in binding:
        return binding
    mark = hashlib.sha256(json.dumps(binding["condition"], sort_keys=True).encode()).hexdigest()[:20]
    return {"role": f"{binding['role']}_withcond_{mark}", "members": binding["members"]}


def _check_binding(sandbox: "Sandbox", resource: str, binding: Json) -> None:
    role = binding.get("role", "")
    if not re.fullmatch(r"((projects|organizations)/[^/]+/)?roles/[A-Za-z0-9_.]+", role):
        raise invalid_argument(f"Invalid role name {role!r}: expected roles/NAME or projects/PROJECT/roles/NAME.")
    if role.startswith(("projects/", "organizations/")):
        owner = "/".join(role.split("/")[:2])
        custom = sandbox.store.get("customRole", role)
        if custom is None or custom.get("deleted") or owner not in _chain(sandbox, resource):
            raise invalid_argument(f"Role ({role}) does not exist in the resource's hierarchy.")
    condition = binding.get("condition")
    if condition is not None and not (condition.get("expression") and condition.get("title")):
        raise invalid_argument("A condition needs an expression and a title.")
    if condition is not None and role in ("roles/owner", "roles/editor", "roles/viewer"):
        raise invalid_argument(f"Conditions cannot be set on the basic role {role}.")
    for member in binding.get("members", []):
        _check_member(sandbox, member)


def _check_member(sandbox: "Sandbox", member: str) -> None:
    kind, colon, name = member.partition(":")
    if member in _ALL:
        return
    if not colon or not name or kind not in _MEMBER_KINDS:
        raise invalid_argument(
            f"The member {member} is of an unknown type. Please set a valid type prefix for the member."
        )
    if pool := re.search(r"/workloadIdentityPools/([^/]+\.svc\.id\.goog)(/|$)", name):
        _check_pool(sandbox, pool.group(1))
    if kind != "serviceAccount":
        return
    if pool := re.fullmatch(r"(.+\.svc\.id\.goog)\[[^/\]]+/[^/\]]+\]", name):
        _check_pool(sandbox, pool.group(1))
        return
    own = re.fullmatch(r"[^@]+@([^.]+)\.iam\.gserviceaccount\.com", name)
    if own and sandbox.project(own.group(1)) and sandbox.store.get("serviceAccount", name) is None:
        raise invalid_argument(f"Service account {name} does not exist.")


def _check_pool(sandbox: "Sandbox", pool: str) -> None:
    if sandbox.store.get("identityPool", pool) is None:
        raise invalid_argument(
            f"Identity Pool does not exist ({pool}). Please check that you specified a valid resource name"
            " as returned in the `name` attribute in the configuration API."
        )
