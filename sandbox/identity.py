"""Who calls: access tokens of the sandbox, which carry the e-mail that they stand for."""

import base64
import binascii
from dataclasses import dataclass

from sandbox.errors import GoogleError, error_info

_PREFIX = "ya29.sandbox-"
DEPLOYER = "deployer@sandbox.example"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a call is made as."""

    email: str

    @property
    def member(self) -> str:
        """As IAM policies name it."""
        return f"{'serviceAccount' if self.email.endswith('.gserviceaccount.com') else 'user'}:{self.email}"


def token_for(email: str) -> str:
    """An access token that the sandbox takes as this account; it says who, so that it outlives a restart."""
    return _PREFIX + base64.urlsafe_b64encode(email.encode()).decode().rstrip("=")


def principal_of(authorization: str, service: str, method_id: str) -> Principal:
    """The account of an Authorization header; Google's 401 where there is none or the token is not the sandbox's."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthenticated(
            "Request is missing required authentication credential.", "CREDENTIALS_MISSING", service, method_id
        )
    encoded = token.strip().removeprefix(_PREFIX)
    try:
        if not token.strip().startswith(_PREFIX):
            raise ValueError(token)
        return Principal(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    except (ValueError, binascii.Error):
        raise _unauthenticated(
            "Request had invalid authentication credentials.", "ACCESS_TOKEN_TYPE_UNSUPPORTED", service, method_id
        ) from None


def _unauthenticated(what: str, reason: str, service: str, method_id: str) -> GoogleError:
    return GoogleError(
        401,
        "UNAUTHENTICATED",
        f"{what} Expected OAuth 2 access token, login cookie or other valid authentication credential. "
        "See https://developers.google.com/identity/sign-in/web/devconsole-project.",
        [error_info(reason, {"service": f"{service}.googleapis.com", "method": method_id})],
        {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'},
    )
