"""What an endpoint is, where only its name is known: its host, its API and its models, by `endpoints.get` (v1)."""

import dataclasses
from typing import Any
from urllib.parse import urlsplit

import httpx

from gemini_client.credentials import Tokens
from gemini_client.errors import ConfigurationError, Refused
from gemini_client.failures import Translator
from gemini_client.hosts import host_url, vertex_host
from gemini_client.routes import GENERATE_CONTENT, PREDICT, Route

_BASE_GEMINI = "publishers/google/models/gemini"


@dataclasses.dataclass(frozen=True, slots=True)
class Located:
    """A route that knows its host and API.

    Attributes:
        route: with host, api and models filled in.
        path: of the URL below the host, without the method.
    """

    route: Route
    path: str


async def locate(route: Route, http: httpx.AsyncClient, tokens: Tokens, translator: Translator) -> Located:
    """Fills in what an endpoint's route leaves open; asks only if something is.

    Raises:
        ConfigurationError: the endpoint has no model or no address, or may not be read; the message says what to set.
    """
    if route.host and route.api:
        return Located(route, _path(route))
    base = f"{host_url(vertex_host(route.location))}/v1"
    try:
        endpoint = await _get(http, f"{base}/{route.endpoint}", "endpoints", tokens, translator)
    except Refused as refused:
        raise ConfigurationError(
            f"{route.name}: the endpoint {route.endpoint} could not be read ({refused}) Without"
            " aiplatform.endpoints.get mount the stack's routes and set GEMINI_ROUTES_FILE, or set VERTEX_ENDPOINT_HOST"
            " (the stack's output endpointHost), VERTEX_ENDPOINT_API (generateContent, predict, rawPredict or"
            " chatCompletions) and for a private address VERTEX_ENDPOINT_SCHEME=http."
        ) from None
    deployed = endpoint.get("deployedModels", [])
    if not deployed:
        raise ConfigurationError(f"{route.name}: no model is deployed on {route.endpoint}. Run `pulumi up`.")
    names = {model["id"]: model.get("displayName", model["id"]) for model in deployed} | dict(route.models)
    api = route.api
    if not api:
        gemini = [await _is_gemini(model["model"], base, http, tokens, translator) for model in deployed]
        api = GENERATE_CONTENT if all(gemini) else PREDICT
    found = dataclasses.replace(route, api=api, models=tuple(names.items()))
    if route.host:
        return Located(found, f"v1/{route.endpoint}")
    if endpoint.get("network"):
        # A peered network: the address belongs to the one deployed model, and ends in :predict.
        address = urlsplit(deployed[0].get("privateEndpoints", {}).get("predictHttpUri", ""))
        if not address.netloc:
            raise ConfigurationError(f"{route.name}: {route.endpoint} has no predictHttpUri yet. Run `pulumi up`.")
        peered = dataclasses.replace(found, host=address.netloc, scheme=address.scheme)
        return Located(peered, address.path.strip("/").removesuffix(":predict"))
    return Located(dataclasses.replace(found, host=_host(endpoint, found)), f"v1/{route.endpoint}")


def _path(route: Route) -> str:
    """Of an endpoint whose host is known: a peered one has a host with a path for its one deployed model."""
    number = route.endpoint.rpartition("/")[2]
    if route.host == f"{number}.aiplatform.googleapis.com" and len(route.models) == 1:
        return f"v1/models/{route.models[0][0]}"
    return f"v1/{route.endpoint}"


def _host(endpoint: dict[str, Any], route: Route) -> str:
    if dedicated := endpoint.get("dedicatedEndpointDns"):
        return str(dedicated)
    private = endpoint.get("privateServiceConnectConfig") or {}
    if not private.get("enablePrivateServiceConnect"):
        return vertex_host(route.location)
    addresses = [each.get("ipAddress", "") for each in private.get("pscAutomationConfigs", [])]
    if not any(addresses):
        raise ConfigurationError(
            f"{route.name}: {route.endpoint} is behind Private Service Connect and names no address. Set"
            " VERTEX_ENDPOINT_HOST to that of your forwarding rule."
        )
    return str(next(filter(None, addresses)))


async def _is_gemini(model: str, base: str, http: httpx.AsyncClient, tokens: Tokens, translator: Translator) -> bool:
    if "/publishers/" in f"/{model}":
        return _BASE_GEMINI in model
    found = await _get(http, f"{base}/{model}", "models", tokens, translator)
    return "genieSource" in found.get("baseModelSource", {})


async def _get(http: httpx.AsyncClient, url: str, kind: str, tokens: Tokens, translator: Translator) -> dict[str, Any]:
    failure = None
    try:
        response = await http.get(url, auth=await tokens.auth())
        if response.status_code == 200:
            found: dict[str, Any] = response.json()
            return found
        failure = await translator.answer(response, f"aiplatform.{kind}.get")
    except (httpx.HTTPError, ValueError) as error:
        failure = translator.of(error, begun=False) or translator.unavailable("answered something that is not JSON.")
    raise failure
