"""What the environment of an application says: which routes there are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from gemini_client import routes
from gemini_client.errors import ConfigurationError
from gemini_client.options import DeveloperApiBounds, Options, Tls, Unsaid
from gemini_client.route_source import FixedRoutes, RoutesFile, RouteSource
from gemini_client.routes import Routes
from gemini_client.timing import Timing

T = TypeVar("T", Options, DeveloperApiBounds, Tls)
REGION = "us-central1"  # the article's
# os.getenv, and no mapping: one in a frame of a traceback would show every variable, the API key's too.
Variables = Callable[[str], str | None]


def source(variables: Variables, options: Options, timing: Timing, changed: Callable[[str, bool], None]) -> RouteSource:
    """The routes that the environment names: a file's, or the one endpoint of the article's variables.

    Args:
        variables: GEMINI_ROUTES_FILE; else GCP_PROJECT_ID, GCP_REGION (us-central1) and VERTEX_ENDPOINT_ID, with
            VERTEX_ENDPOINT_HOST, VERTEX_ENDPOINT_API and GEMINI_FALLBACK_MODEL where they are set.
        options: how often a file is looked at.
        timing: the clock.
        changed: told when a file changes.

    Raises:
        ConfigurationError: names each variable that is missing or wrong.
    """
    if path := variables("GEMINI_ROUTES_FILE"):
        found = RoutesFile(Path(path), timing, options.reload_seconds, changed)
        found.current()
        return found
    return FixedRoutes(_endpoint(variables))


def _endpoint(variables: Variables) -> Routes:
    project, region, endpoint = (
        (variables(name) or "").strip() for name in ("GCP_PROJECT_ID", "GCP_REGION", "VERTEX_ENDPOINT_ID")
    )
    if missing := [
        name for name, value in (("GCP_PROJECT_ID", project), ("VERTEX_ENDPOINT_ID", endpoint)) if not value
    ]:
        raise ConfigurationError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. Set GCP_PROJECT_ID and"
            " VERTEX_ENDPOINT_ID (the stack's output clientEnvironment), or GEMINI_ROUTES_FILE to a file of routes."
        )
    name = endpoint if "/" in endpoint else f"projects/{project}/locations/{region or REGION}/endpoints/{endpoint}"
    one = {
        "name": "vertex-endpoint",
        "serving": "endpoint",
        "endpoint": name,
        "weight": 100,
        "fallbackOrder": 1,
        "host": variables("VERTEX_ENDPOINT_HOST") or "",
        "api": variables("VERTEX_ENDPOINT_API") or "",
        "scheme": variables("VERTEX_ENDPOINT_SCHEME") or "https",
    }
    fallback = variables("GEMINI_FALLBACK_MODEL") or ""
    found = {"version": 1, "project": project, "routes": [one]}
    return routes.read(found | ({"developerApi": {"model": fallback}} if fallback else {}), "The environment")


def options(variables: Variables, given: Options | None) -> Options:
    """The options, with what the environment says about those that are not given.

    Args:
        variables: GEMINI_DEADLINE_SECONDS; GEMINI_FIRST_CHUNK_SECONDS, GEMINI_DEVELOPER_API_REQUESTS_PER_MINUTE and
            GEMINI_DEVELOPER_API_CONCURRENCY, which the routes file's own go before; VERTEX_ENDPOINT_CA_FILE and
            VERTEX_ENDPOINT_TLS.
        given: options that go before the environment's.

    Raises:
        ConfigurationError: one of the numbers is no positive one, or VERTEX_ENDPOINT_TLS is unknown.
    """
    word = variables("VERTEX_ENDPOINT_TLS") or ""
    if word not in ("", "self-signed"):
        raise ConfigurationError(f"VERTEX_ENDPOINT_TLS: {word!r} is not known. Set it to self-signed, or not at all.")
    ca_file = variables("VERTEX_ENDPOINT_CA_FILE")
    concurrency = _number(variables, "GEMINI_DEVELOPER_API_CONCURRENCY", "number of calls")
    made = given or Options()
    developer_api = _filled(
        made.developer_api,
        requests_per_minute=_number(variables, "GEMINI_DEVELOPER_API_REQUESTS_PER_MINUTE", "number of requests"),
        concurrency=None if concurrency is None else max(1, int(concurrency)),
    )
    tls = _filled(made.tls, ca_file=Path(ca_file) if ca_file else None, self_signed=bool(word) or None)
    deadline = _number(variables, "GEMINI_DEADLINE_SECONDS", "number of seconds")
    first_chunk = _number(variables, "GEMINI_FIRST_CHUNK_SECONDS", "number of seconds")
    tuned = replace(made, developer_api=developer_api, tls=tls)
    return _filled(tuned, deadline=deadline, first_chunk_seconds=first_chunk)


def _filled(made: T, **said: Any) -> T:
    """What is made, with the values that are said (None is none) in place of those that are not given."""

    def open_(name: str) -> bool:
        value = getattr(made, name)
        return value is None or isinstance(value, Unsaid)

    return replace(made, **{name: value for name, value in said.items() if value is not None and open_(name)})


def _number(variables: Variables, name: str, of: str) -> float | None:
    text = variables(name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigurationError(f"{name}: {text!r} is no positive {of}.")
    return number
