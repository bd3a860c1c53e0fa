"""What the environment of an application says: which routes there are."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gemini_client import routes
from gemini_client.errors import ConfigurationError
from gemini_client.options import Options, Tls
from gemini_client.route_source import FixedRoutes, RoutesFile, RouteSource
from gemini_client.routes import Routes
from gemini_client.timing import Timing

# os.getenv, and no mapping: one in a frame of a traceback would show every variable, the API key's too.
Variables = Callable[[str], str | None]


def source(variables: Variables, options: Options, timing: Timing, changed: Callable[[str, bool], None]) -> RouteSource:
    """The routes that the environment names: a file's, or the one endpoint of the article's variables.

    Args:
        variables: GEMINI_ROUTES_FILE; else GCP_PROJECT_ID, GCP_REGION and VERTEX_ENDPOINT_ID, with
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
    names = ("GCP_PROJECT_ID", "GCP_REGION", "VERTEX_ENDPOINT_ID")
    project, region, endpoint = ((variables(name) or "").strip() for name in names)
    if missing := [name for name, value in zip(names, (project, region, endpoint), strict=True) if not value]:
        raise ConfigurationError(
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set. Set GCP_PROJECT_ID, GCP_REGION and"
            " VERTEX_ENDPOINT_ID (the stack's output clientEnvironment), or GEMINI_ROUTES_FILE to a file of routes."
        )
    name = endpoint if "/" in endpoint else f"projects/{project}/locations/{region}/endpoints/{endpoint}"
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
    """The options, with what the environment says about them where none were given.

    Args:
        variables: GEMINI_DEADLINE_SECONDS; GEMINI_DEVELOPER_API_REQUESTS_PER_MINUTE and
            GEMINI_DEVELOPER_API_CONCURRENCY, which the routes file's own go before; VERTEX_ENDPOINT_CA_FILE and
            VERTEX_ENDPOINT_TLS.
        given: options to take as they are.

    Raises:
        ConfigurationError: one of the numbers is no positive one.
    """
    if given is not None:
        return given
    made = Options()
    if seconds := _number(variables, "GEMINI_DEADLINE_SECONDS", "number of seconds"):
        made = replace(made, deadline=seconds)
    if rate := _number(variables, "GEMINI_DEVELOPER_API_REQUESTS_PER_MINUTE", "number of requests"):
        made = replace(made, developer_api=replace(made.developer_api, requests_per_minute=rate))
    if calls := _number(variables, "GEMINI_DEVELOPER_API_CONCURRENCY", "number of calls"):
        made = replace(made, developer_api=replace(made.developer_api, concurrency=max(1, int(calls))))
    if ca_file := variables("VERTEX_ENDPOINT_CA_FILE"):
        made = replace(made, tls=Tls(Path(ca_file)))
    if variables("VERTEX_ENDPOINT_TLS") == "self-signed":
        made = replace(made, tls=replace(made.tls, self_signed=True))
    return made


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
