"""The routes that an application may take to a model: read from JSON, checked whole.

The form is the stack's output `routes`, which it also writes into the ConfigMap `gemini-routes`:

    {"version": 1, "project": "my-project", "routes": [
       {"name": "flash", "serving": "managed", "model": "gemini-3.8-flash", "location": "global",
        "weight": 95, "throughput": "dedicated", "fallbackOrder": 1, "firstChunkSeconds": 15},
       {"name": "own", "serving": "endpoint", "endpoint": "projects/P/locations/R/endpoints/E",
        "location": "us-central1", "host": "E.us-central1-….prediction.vertexai.goog", "api": "predict",
        "weight": 5, "fallbackOrder": 2, "models": {"DEPLOYED_MODEL_ID": "NAME"}}],
     "developerApi": {"model": "gemini-3.8-flash", "keySecret": "projects/P/secrets/S/versions/latest",
        "requestsPerMinute": 600, "concurrency": 64}}
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Literal, cast

from gemini_client.errors import ConfigurationError

GENERATE_CONTENT, PREDICT, RAW_PREDICT, CHAT_COMPLETIONS = APIS = (
    "generateContent",
    "predict",
    "rawPredict",
    "chatCompletions",
)
_ENDPOINT = re.compile(r"projects/([^/]+)/locations/([^/]+)/endpoints/([^/]+)")
SECRET_VERSION = re.compile(r"projects/[^/]+/secrets/[^/]+/versions/[^/]+")
_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")
_DAY = 86_400
_COMMON = {"name", "serving", "location", "weight", "fallbackOrder", "firstChunkSeconds"}
_FIELDS = {
    "managed": _COMMON | {"model", "throughput"},
    "endpoint": _COMMON | {"endpoint", "host", "api", "scheme", "models"},
}


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a model.

    Attributes:
        name: unique among the routes.
        serving: "managed" (Google's own models) or "endpoint" (tuned, own and open ones).
        project: id of the Google Cloud project.
        location: "global", "us", "eu" or a region.
        model: id of a managed model, "" for an endpoint.
        endpoint: full name of an endpoint, "" for a managed model.
        host: that serves it, without scheme; "" where `endpoints.get` has to be asked.
        api: "generateContent", "predict", "rawPredict" or "chatCompletions"; "" where `endpoints.get` decides.
        scheme: "https", or "http" for a private address without TLS.
        weight: share of the calls, in percent; 0 for a route that is a fallback only.
        throughput: "dedicated" or "shared" Provisioned Throughput, "" for Google's default: dedicated, spilling over.
        fallback_order: place among the fallbacks, the smallest first; None keeps it from being one.
        models: names by the ids of an endpoint's deployed models.
        first_chunk_seconds: that an attempt may take to begin, None for Options.first_chunk_seconds; see there.
    """

    name: str
    serving: Literal["managed", "endpoint"]
    project: str
    location: str
    model: str = ""
    endpoint: str = ""
    host: str = ""
    api: str = GENERATE_CONTENT
    scheme: str = "https"
    weight: float = 100.0
    throughput: str = ""
    fallback_order: int | None = None
    models: tuple[tuple[str, str], ...] = ()
    first_chunk_seconds: float | None = None

    @property
    def target(self) -> str:
        """What is called: routes of the same name and target share a circuit breaker over reloads."""
        return self.endpoint or f"{self.location}/{self.model}"

    def deployed_name(self, deployed_id: str) -> str:
        """The name of a deployed model, its id where the routes do not name it."""
        return dict(self.models).get(deployed_id, deployed_id)


@dataclass(frozen=True, slots=True)
class DeveloperApi:
    """The Gemini Developer API as the last fallback.

    Attributes:
        model: its id.
        key_secret: projects/P/secrets/S/versions/V with its key, "" where the environment says where that is.
        requests_per_minute: the most, None for Options.developer_api's.
        concurrency: likewise.
    """

    model: str
    key_secret: str = ""
    requests_per_minute: float | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes, and the Developer API where it is wanted."""

    routes: tuple[Route, ...]
    developer_api: DeveloperApi | None = None

    def fallbacks(self, first: Route) -> list[Route]:
        """The routes to try after `first`, in their order."""
        others = [route for route in self.routes if route.name != first.name and route.fallback_order is not None]
        return sorted(others, key=lambda route: cast(int, route.fallback_order))


def parse(text: str, source: str) -> Routes:
    """Routes of JSON text.

    Args:
        text: the JSON.
        source: where it came from, for messages.

    Raises:
        ConfigurationError: names every mistake with its place.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{source} is no JSON ({error}).") from None
    return read(found, source)


def read(found: Any, source: str) -> Routes:
    """Routes of a decoded JSON value; see `parse`."""
    mistakes: list[str] = []
    if not isinstance(found, dict) or found.get("version") != 1 or not isinstance(found.get("routes"), list):
        raise ConfigurationError(f'{source}: expected {{"version": 1, "project": "…", "routes": [ … ]}}.')
    project = found.get("project", "")
    if not isinstance(project, str) or not project:
        mistakes.append("project: the id of the Google Cloud project is missing")
    routes = [_route(each, f"routes[{n}]", str(project), mistakes) for n, each in enumerate(found["routes"])]
    if not routes:
        mistakes.append("routes: there is none")
    if not mistakes:
        names = [route.name for route in routes]
        mistakes += [
            f"routes: the name {name} is there twice" for name in sorted({n for n in names if names.count(n) > 1})
        ]
        if routes and not math.isclose(sum(route.weight for route in routes), 100.0, abs_tol=0.01):
            mistakes.append(f"routes: the weights add up to {sum(route.weight for route in routes):g}, not to 100")
    developer_api = _developer_api(found.get("developerApi"), mistakes)
    if mistakes:
        raise ConfigurationError(f"{source}: {'; '.join(mistakes)}.")
    return Routes(tuple(routes), developer_api)


def _route(found: Any, where: str, project: str, mistakes: list[str]) -> Route:
    route = found if isinstance(found, dict) else {}
    serving = route.get("serving")
    if serving not in _FIELDS:
        mistakes.append(f'{where}.serving: {serving!r} is neither "managed" nor "endpoint"')
        serving = "managed"
    if unknown := sorted(set(route) - _FIELDS[serving]):
        mistakes.append(f"{where}: {', '.join(unknown)} is unknown for serving: {serving}")

    def text(field: str, default: str = "", *, needed: bool = False) -> str:
        value = route.get(field, default)
        if not isinstance(value, str) or (needed and not value):
            mistakes.append(f"{where}.{field}: a text is needed, not {value!r}")
            return default
        return value

    def one_of(field: str, allowed: tuple[str, ...], default: str) -> str:
        value = text(field, default)
        if value not in allowed and value != default:
            mistakes.append(f"{where}.{field}: {value!r} is none of {', '.join(allowed)}")
        return value

    weight, order = route.get("weight", 0), route.get("fallbackOrder")
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 <= weight <= 100:
        mistakes.append(f"{where}.weight: {weight!r} is no percentage")
        weight = 0
    if order is not None and (not isinstance(order, int) or isinstance(order, bool)):
        mistakes.append(f"{where}.fallbackOrder: {order!r} is no whole number")
        order = None
    soon = route.get("firstChunkSeconds")
    if soon is not None and (not isinstance(soon, int | float) or isinstance(soon, bool) or not 0 < soon <= _DAY):
        mistakes.append(f"{where}.firstChunkSeconds: {soon!r} is no number of seconds, above 0 and up to a day")
        soon = None
    name = text("name", needed=True)
    if serving == "managed":
        location, model = text("location", needed=True), text("model", needed=True)
        throughput = one_of("throughput", ("dedicated", "shared"), "")
        return Route(
            name,
            "managed",
            project,
            location,
            model,
            weight=weight,
            throughput=throughput,
            fallback_order=order,
            first_chunk_seconds=soon,
        )
    endpoint, host, models = text("endpoint", needed=True), text("host"), route.get("models", {})
    parts = _ENDPOINT.fullmatch(endpoint)
    if endpoint and not parts:
        mistakes.append(f"{where}.endpoint: {endpoint!r} is no projects/P/locations/R/endpoints/E")
    if host and not _HOST.fullmatch(host):
        mistakes.append(f"{where}.host: {host!r} is no host name (no scheme, no path)")
    if not isinstance(models, dict) or not all(isinstance(value, str) for value in models.values()):
        mistakes.append(f"{where}.models: names by deployed model id are needed")
        models = {}
    return Route(
        name,
        "endpoint",
        parts[1] if parts else project,
        parts[2] if parts else "",
        endpoint=endpoint,
        host=host,
        api=one_of("api", APIS, ""),
        scheme=one_of("scheme", ("https", "http"), "https"),
        weight=weight,
        fallback_order=order,
        models=tuple(models.items()),
        first_chunk_seconds=soon,
    )


def _developer_api(found: Any, mistakes: list[str]) -> DeveloperApi | None:
    if found is None:
        return None
    model = found.get("model") if isinstance(found, dict) else None
    if not isinstance(model, str) or not model:
        mistakes.append("developerApi.model: the id of a model is missing")
        return None
    rate, concurrency = found.get("requestsPerMinute"), found.get("concurrency")
    for field, value in (("requestsPerMinute", rate), ("concurrency", concurrency)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            mistakes.append(f"developerApi.{field}: {value!r} is no positive whole number")
    secret = found.get("keySecret", "")
    if not isinstance(secret, str) or (secret and not SECRET_VERSION.fullmatch(secret)):
        mistakes.append(f"developerApi.keySecret: {secret!r} is no projects/P/secrets/S/versions/V")
        secret = ""
    return DeveloperApi(model, secret, rate, concurrency)
