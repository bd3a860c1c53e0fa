"""Who calls the cluster: a Google account or a service account of the cluster's, by its token, or whom it acts as.

Rules and words: kubernetes.io/docs/reference/access-authn-authz/authentication. An anonymous call is refused, as a GKE
cluster does that limits anonymous access to its health.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from sandbox.errors import GoogleError, Json
from sandbox.identity import principal_of
from sandbox.services.kubernetes import access
from sandbox.services.kubernetes.kinds import SERVICE_ACCOUNT
from sandbox.services.kubernetes.status import KubernetesError, bad_request, invalid

if TYPE_CHECKING:
    from sandbox.core import Sandbox

_ACCOUNT = "system:serviceaccount:"
_EVERYBODY = "system:authenticated"
_PREFIX = "sandbox-kubernetes-"
_IMPERSONATE = "container.clusters.impersonate"
_SECONDS, _LEAST_SECONDS, _MOST_SECONDS = 3600, 600, 86400


@dataclass(frozen=True, slots=True)
class User:
    """A user as the cluster knows it: an e-mail, a federated identity, or system:serviceaccount:NAMESPACE:NAME."""

    name: str
    groups: tuple[str, ...] = (_EVERYBODY,)


def user_of(sandbox: "Sandbox", headers: Headers) -> User:
    """Who a request is made as.

    Raises:
        KubernetesError: 401 without a token that the cluster knows; 403 for acting as another without the permission;
            500 for a group to act in without a user to act as.
    """
    user = _signed_in(sandbox, headers.get("authorization", ""))
    wanted, groups = headers.get("impersonate-user", ""), headers.getlist("impersonate-group")
    if not wanted:
        if groups:
            raise KubernetesError(
                500, "InternalError", f"Internal error occurred: requested {groups} without impersonating a user"
            )
        return user
    if not access.permitted(sandbox, user.name, _IMPERSONATE):
        raise _may_not_act_as(user, wanted)
    if groups:
        return User(wanted, (*groups, _EVERYBODY))
    return User(wanted, _groups(wanted))


def _signed_in(sandbox: "Sandbox", authorization: str) -> User:
    token = authorization.partition(" ")[2].strip()
    if token.startswith(_PREFIX):
        name = _account_of(sandbox, token)
        return User(name, _groups(name))
    try:
        return User(principal_of(authorization, "container", "kubernetes").email)
    except GoogleError:
        raise _unauthorized() from None


def _groups(name: str) -> tuple[str, ...]:
    if not name.startswith(_ACCOUNT):
        return (_EVERYBODY,)
    namespace = name.removeprefix(_ACCOUNT).partition(":")[0]
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", _EVERYBODY)


def _may_not_act_as(user: User, wanted: str) -> KubernetesError:
    resource, name, where = "users", wanted, "at the cluster scope"
    if wanted.startswith(_ACCOUNT):
        namespace, _, name = wanted.removeprefix(_ACCOUNT).partition(":")
        resource, where = "serviceaccounts", f'in the namespace "{namespace}"'
    return KubernetesError(
        403,
        "Forbidden",
        f'{resource} "{name}" is forbidden: User "{user.name}" cannot impersonate resource "{resource}" in API group'
        f' "" {where}: requires one of ["{_IMPERSONATE}"] permission(s).',
        {"name": name, "kind": resource},
    )


def token_request(sandbox: "Sandbox", account: Json, body: object) -> Json:
    """The answer to a TokenRequest (authentication.k8s.io/v1) for a service account.

    The token is the sandbox's own, no JWT: it holds until its time by the sandbox's clock, or until the account goes,
    and for this cluster alone.
    """
    if not isinstance(body, dict) or body.get("kind", "TokenRequest") != "TokenRequest":
        raise bad_request("the body is no TokenRequest")
    spec = body.get("spec") or {}
    seconds, name = spec.get("expirationSeconds") or _SECONDS, account["metadata"]["name"]
    if seconds < _LEAST_SECONDS:
        why = f"Invalid value: {seconds}: may not specify a duration less than 10 minutes"
        raise invalid("TokenRequest", name, "spec.expirationSeconds", why)
    if spec.get("audiences"):
        raise bad_request("the sandbox's cluster signs no tokens for other audiences than itself: leave out audiences")
    seconds = min(seconds, _MOST_SECONDS)
    end = sandbox.clock.now() + seconds
    namespace, uid = account["metadata"]["namespace"], account["metadata"]["uid"]
    token = _PREFIX + base64.urlsafe_b64encode(f"{namespace}/{name}\n{uid}\n{end}".encode()).decode().rstrip("=")
    expires = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": sandbox.clock.stamp()},
        "spec": {"audiences": [sandbox.cluster_url], "expirationSeconds": seconds, "boundObjectRef": None},
        "status": {"token": token, "expirationTimestamp": expires},
    }


def _account_of(sandbox: "Sandbox", token: str) -> str:
    encoded = token.removeprefix(_PREFIX)
    try:
        said = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        key, uid, end = said.split("\n")
        live = sandbox.store.get(SERVICE_ACCOUNT.store, key)
        if live is None or live["metadata"]["uid"] != uid or sandbox.clock.now() > float(end):
            raise _unauthorized()
    except (ValueError, binascii.Error):
        raise _unauthorized() from None
    return _ACCOUNT + key.replace("/", ":")


def _unauthorized() -> KubernetesError:
    return KubernetesError(401, "Unauthorized", "Unauthorized")
