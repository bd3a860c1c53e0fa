"""Whom the plugins act as, and for which project, where nothing says so."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from sandbox.identity import DEPLOYER, token_for
from sandbox.standin.rest import RestError, http_client


def access_token(environ: Mapping[str, str]) -> str:
    """GOOGLE_OAUTH_ACCESS_TOKEN, else a token of the account that `sandbox run` gives its command."""
    return environ.get("GOOGLE_OAUTH_ACCESS_TOKEN") or token_for(DEPLOYER)


def default_project(sandbox_url: str) -> str:
    """The project that the metadata server names. Raises RestError when it does not answer."""
    url = f"{sandbox_url}/computeMetadata/v1/project/project-id"
    try:
        with http_client({"Metadata-Flavor": "Google"}) as http:
            return http.get(url).raise_for_status().text
    except httpx.HTTPError as error:
        raise RestError(f"GET {url} failed: {error}.") from error
