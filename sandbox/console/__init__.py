"""The console page at `/`: what the sandbox holds and does, live. Plain files, no build step, nothing from outside."""

import json
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.console import snapshot
from sandbox.console.history import WINDOWS, observe
from sandbox.core import Sandbox
from sandbox.errors import Json, invalid_argument

__all__ = ["observe", "page", "reason", "routes"]

_FOLDER = Path(__file__).parent
_FILES = {"console.css": "text/css", "console.js": "text/javascript", "charts.js": "text/javascript"}
# The page loads from the sandbox alone, whatever a resource's name says.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def page(headers: dict[str, str]) -> Response:
    """The page itself, with extra headers."""
    return Response((_FOLDER / "index.html").read_bytes(), media_type="text/html", headers={**_HEADERS, **headers})


def reason(response: Response) -> Json:
    """{"reason": the sentence} of a refusal, in the formats of Google's APIs and Kubernetes'; {} of other answers."""
    if response.status_code < 400:
        return {}
    try:
        said = json.loads(getattr(response, "body", b""))
        error = said.get("error", said)
        words = [str(error[key]) for key in ("status", "message") if error.get(key) not in (None, "", "Failure")]
    except (ValueError, AttributeError):
        return {}
    return {"reason": ": ".join(words)} if words else {}


def routes(sandbox: Sandbox) -> list[Route]:
    """The page's files and its data; they ask for no token and are not in the record of calls."""

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _FILES:
            return Response(f"The console has no file {name}.", 404, media_type="text/plain")
        return Response((_FOLDER / name).read_bytes(), media_type=_FILES[name], headers=_HEADERS)

    async def data(request: Request) -> Response:
        since, window = request.query_params.get("since", "0"), request.query_params.get("window", "300")
        if not since.isdigit() or window not in {str(each) for each in WINDOWS}:
            allowed = ", ".join(map(str, WINDOWS))
            error = invalid_argument(f"since must be a sequence number, and window one of {allowed} (seconds).")
            return JSONResponse(error.body(), 400)
        sandbox.operations.advance()
        sandbox.store.commit()
        return JSONResponse(snapshot.take(sandbox, int(since), int(window)), headers={"Cache-Control": "no-store"})

    return [Route("/_sandbox/console", data), Route("/_sandbox/console/{name}", file)]
