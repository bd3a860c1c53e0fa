"""Whom the plugins act as: the token they are given, else the one that the metadata server gives."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from sandbox.standin.rest import RestError

_FLAVOR = {"Metadata-Flavor": "Google"}


def access_token(sandbox_url: str, environ: Mapping[str, str]) -> str:
    """GOOGLE_OAUTH_ACCESS_TOKEN, else the default service account's token. Raises RestError when neither is there."""
    given = environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    if given:
        return given
    answer = _metadata(sandbox_url, "instance/service-accounts/default/token")
    return str(answer.json()["access_token"])


def default_project(sandbox_url: str) -> str:
    """The project that the metadata server names. Raises RestError when it does not answer."""
    return _metadata(sandbox_url, "project/project-id").text


def _metadata(sandbox_url: str, path: str) -> httpx.Response:
    url = f"{sandbox_url}/computeMetadata/v1/{path}"
    try:
        with httpx.Client(trust_env=False, timeout=30.0) as http:
            return http.get(url, headers=_FLAVOR).raise_for_status()
    except httpx.HTTPError as error:
        raise RestError(f"GET {url} failed: {error}.") from error
