"""iamcredentials v1: generateAccessToken, by which one account acts as another.

Rules: the discovery document's descriptions; cloud.google.com/iam/docs/create-short-lived-credentials-direct.
"""

import re

from sandbox.errors import Json, invalid_argument
from sandbox.identity import Principal, token_for
from sandbox.registry import Call, method
from sandbox.services import iam_policies
from sandbox.services.workload_identity import (
    CREDENTIALS,
    CREDENTIALS_TITLE,
    GET_TOKEN,
    denied,
    resource_of,
    usable_account,
)

_LONGEST = 3600.0


@method("iamcredentials.projects.serviceAccounts.generateAccessToken")
def generate_access_token(call: Call) -> Json:
    """A token of the service account, for whom its policy lets have one; each delegate must let the one before."""
    if not call.body.get("scope"):
        raise invalid_argument("Request must contain at least one scope.", [("scope", "Required field is not set.")])
    lifetime = _seconds(call.body.get("lifetime", "3600s"))
    caller: Principal = call.principal
    for name in [*call.body.get("delegates", []), call.params["name"]]:
        account = _usable(call, name, caller)
        caller = Principal(account["email"])
    expires = call.sandbox.clock.stamp(call.sandbox.clock.now() + lifetime)
    # Where a token is made does not matter: it is good where its holder is.
    token = token_for(caller.email, call.principal.network)
    return {"accessToken": token, "expireTime": re.sub(r"\.\d+Z$", "Z", expires)}


def _usable(call: Call, name: str, caller: Principal) -> Json:
    given = re.fullmatch(r"projects/-/serviceAccounts/([^/]+)", name)
    if given is None:
        raise invalid_argument(f"Invalid form for service account {name}: expected projects/-/serviceAccounts/ACCOUNT.")
    email = given.group(1)
    if email.isdigit():
        accounts = call.sandbox.store.list("serviceAccount").values()
        email = next((a["email"] for a in accounts if a["uniqueId"] == email), email)
    account = usable_account(call.sandbox, email)
    project = call.sandbox.require_project(account["projectId"], CREDENTIALS)
    call.sandbox.require_enabled(project, CREDENTIALS, CREDENTIALS_TITLE)
    if not iam_policies.allowed(call.sandbox, caller.member, resource_of(account), GET_TOKEN):
        raise denied()
    return account


def _seconds(duration: str) -> float:
    seconds = float(duration.removesuffix("s"))
    if not 0 < seconds <= _LONGEST:
        raise invalid_argument(f"lifetime {duration} must be more than 0 and at most 3600 seconds.")
    return seconds
