"""Control of the sandbox itself, under /_sandbox/. It answers without a token: whoever reaches loopback may use it."""

import json
import os

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox import experiments
from sandbox.core import Sandbox
from sandbox.errors import invalid_argument
from sandbox.options import Options


def routes(sandbox: Sandbox) -> list[Route]:
    """health, reset, calls, state and settings, and those of sandbox.experiments."""

    async def health(_request: Request) -> Response:
        profile = sandbox.settings.profile
        found = {"status": "ok", "url": sandbox.url, "kubernetes": sandbox.cluster_url, "profile": profile}
        return JSONResponse({**found, "pid": os.getpid()})

    async def reset(_request: Request) -> Response:
        sandbox.reset()
        return JSONResponse({})

    async def calls(request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not since.isdigit():
            error = invalid_argument(f"since={since} is no sequence number; take the `seq` of a call.")
            return JSONResponse(error.body(), 400)
        lines = (json.dumps(call) + "\n" for call in list(sandbox.calls) if call["seq"] > int(since))
        return PlainTextResponse("".join(lines), media_type="application/jsonl")

    async def state(_request: Request) -> Response:
        sandbox.operations.advance()
        sandbox.store.commit()
        return JSONResponse(sandbox.state())

    async def settings(request: Request) -> Response:
        if request.method == "PATCH":
            try:
                changes = json.loads(await request.body())
                current = sandbox.settings.model_dump(by_alias=True)
                sandbox.configure(Options.model_validate({**current, **changes}))
            except (ValueError, TypeError) as error:
                return JSONResponse(invalid_argument(_why(error)).body(), 400)
        return JSONResponse(sandbox.settings.model_dump(by_alias=True))

    return [
        Route("/_sandbox/health", health),
        Route("/_sandbox/reset", reset, methods=["POST"]),
        Route("/_sandbox/calls", calls),
        Route("/_sandbox/state", state),
        Route("/_sandbox/settings", settings, methods=["GET", "PATCH"]),
        *experiments.routes(sandbox),
    ]


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    return f"The body is no JSON object: {error}"
