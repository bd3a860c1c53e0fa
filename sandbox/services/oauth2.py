"""oauth2 v2 userinfo: whose a token is, as Google tells it of tokens with the scope userinfo.email."""

import hashlib

from sandbox.errors import Json
from sandbox.identity import unauthenticated
from sandbox.registry import Call, method


@method("oauth2.userinfo.get", "oauth2.userinfo.v2.me.get")
def get_userinfo(call: Call) -> Json:
    """The caller's e-mail address; a federated identity has none, and its token no such scope."""
    email, invalid = call.principal.email, "Request had invalid authentication credentials."
    if "@" not in email:
        raise unauthenticated(invalid, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "oauth2", call.method_id)
    number = int(hashlib.sha256(email.encode()).hexdigest(), 16) % 10**20 + 10**20
    return {"id": str(number), "email": email, "verified_email": True}
