"""Control of what a test does to the sandbox: faults, clock, seed, snapshots; under /_sandbox/ beside the rest."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import faults, snapshots
from sandbox.clock import seconds_of
from sandbox.core import Sandbox
from sandbox.errors import GoogleError, Json, invalid_argument

Answer = Callable[[Request], Awaitable[Json]]


def routes(sandbox: Sandbox) -> list[Route]:
    """faults, clock, seed, snapshot and restore."""

    async def ordered(request: Request) -> Json:
        if request.method == "POST":
            sandbox.faults.order(faults.read(await _body(request)))
        elif request.method == "PUT":
            wanted = faults.read(await _body(request))
            sandbox.faults.clear()
            sandbox.faults.order(wanted)
        elif request.method == "DELETE":
            sandbox.faults.clear()
        return {"faults": sandbox.faults.shown()}

    async def clock(request: Request) -> Json:
        if request.method == "POST":
            sandbox.clock.step(seconds_of(await _body(request), sandbox.clock.now()))
            sandbox.operations.advance()
        return sandbox.clock.shown()

    async def seed(request: Request) -> Json:
        wanted = await _body(request)
        if not isinstance(wanted, dict) or set(wanted) != {"seed"} or type(wanted["seed"]) is not int:
            raise invalid_argument('Give {"seed": a whole number}.')
        sandbox.configure(sandbox.settings.model_copy(update={"seed": wanted["seed"]}))
        sandbox.reseed(wanted["seed"])
        return {"seed": wanted["seed"]}

    async def snapshot(_request: Request) -> Json:
        return snapshots.take(sandbox)

    async def restore(request: Request) -> Json:
        snapshots.restore(sandbox, await _body(request))
        return {}

    return [
        _route(sandbox, "faults", ordered, "GET", "POST", "PUT", "DELETE"),
        _route(sandbox, "clock", clock, "GET", "POST"),
        _route(sandbox, "seed", seed, "POST"),
        _route(sandbox, "snapshot", snapshot, "GET"),
        _route(sandbox, "restore", restore, "POST"),
    ]


def _route(sandbox: Sandbox, name: str, answer: Answer, *methods: str) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            response = JSONResponse(await answer(request))
            sandbox.store.commit()
        except GoogleError as error:
            sandbox.store.rollback()
            return JSONResponse(error.body(), error.code)
        return response

    return Route(f"/_sandbox/{name}", endpoint, methods=list(methods))


async def _body(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except ValueError as error:
        raise invalid_argument(f"The body is no JSON: {error}") from None
