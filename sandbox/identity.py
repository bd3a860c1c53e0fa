"""Who calls: access tokens of the sandbox, which carry the identity that they stand for and where they were given.

Google finds out where a call comes from by the network that carried it. There is one loopback here, so the token says
it: what the metadata server gives to a machine or a pod of a project is marked with that project's network, and a token
that a person has, or that iamcredentials made for one, carries no mark.
"""

import base64
import binascii
from dataclasses import dataclass

from sandbox.errors import GoogleError, error_info

_PREFIX = "ya29.sandbox-"
DEPLOYER = "deployer@sandbox.example"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a call is made as.

    `email` is an account's e-mail, or a federated identity's whole name (principal://…). `network` is the number of the
    project in whose network the token was given, "" outside of all.
    """

    email: str
    network: str = ""

    @property
    def member(self) -> str:
        """As IAM policies name it."""
        if self.email.startswith("principal://"):
            return self.email
        return f"{'serviceAccount' if self.email.endswith('.gserviceaccount.com') else 'user'}:{self.email}"


def token_for(email: str, network: str = "") -> str:
    """An access token that the sandbox takes as this identity; it says who, so that it outlives a restart."""
    content = f"{email}\n{network}" if network else email
    return _PREFIX + base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def principal_of(authorization: str, service: str, method_id: str) -> Principal:
    """The account of an Authorization header; Google's 401 where there is none or the token is not the sandbox's."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise unauthenticated(
            "Request is missing required authentication credential.", "CREDENTIALS_MISSING", service, method_id
        )
    encoded = token.strip().removeprefix(_PREFIX)
    try:
        if not token.strip().startswith(_PREFIX):
            raise ValueError(token)
        email, _, network = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode().partition("\n")
        return Principal(email, network)
    except (ValueError, binascii.Error):
        raise unauthenticated(
            "Request had invalid authentication credentials.", "ACCESS_TOKEN_TYPE_UNSUPPORTED", service, method_id
        ) from None


def unauthenticated(what: str, reason: str, service: str, method_id: str) -> GoogleError:
    """Google's 401; `reason` as in google.api.ErrorReason."""
    return GoogleError(
        401,
        "UNAUTHENTICATED",
        f"{what} Expected OAuth 2 access token, login cookie or other valid authentication credential. "
        "See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        [error_info(reason, {"service": f"{service}.googleapis.com", "method": method_id})],
        {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'},
    )
