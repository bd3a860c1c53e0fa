"""Snapshots: all that exists in a sandbox, its settings and its time, as JSON that any sandbox can be put back to."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sandbox import clock, faults
from sandbox.core import Sandbox
from sandbox.errors import Json, invalid_argument
from sandbox.options import Options

_FORMAT = 1


class _Resource(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    kind: str
    name: str
    value: Json
    seed: Json | None = None


class _Snapshot(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: int
    seconds: float
    resources: list[_Resource]


def take(sandbox: Sandbox) -> Json:
    """What exists now, oldest first. Ordered faults, the record of calls and recent load are no part of it."""
    sandbox.operations.advance()
    sandbox.store.commit()
    resources = [
        {"kind": kind, "name": name, "value": value, **({} if seed is None else {"seed": seed})}
        for kind, name, value, seed in sandbox.store.dump()
        if kind not in (clock.KIND, faults.KIND)
    ]
    return {"format": _FORMAT, "seconds": sandbox.clock.now(), "resources": resources}


def restore(sandbox: Sandbox, snapshot: Any) -> None:
    """Puts a sandbox back to a snapshot. Its clock goes on from then, so what was under way has as long to go as then.

    Raises:
        GoogleError: 400, for what is no snapshot; the sandbox stays as it is.
    """
    try:
        checked = _Snapshot.model_validate(snapshot)
        kept = next((r.value for r in checked.resources if r.kind == "settings"), None)
        settings = Options.model_validate(kept)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise invalid_argument(f"This is no snapshot of a sandbox: {where}: {first['msg']}") from None
    if checked.format != _FORMAT:
        raise invalid_argument(f"The snapshot is of format {checked.format}; this sandbox reads format {_FORMAT}.")
    beside = [row for row in sandbox.store.dump() if row[0] in (clock.KIND, faults.KIND)]
    rows = [(r.kind, r.name, r.value, r.seed) for r in checked.resources]
    sandbox.store.load([*rows, *beside])
    sandbox.memory.clear()
    sandbox.configure(settings)
    sandbox.reseed(settings.seed)
    sandbox.clock.go_on_from(checked.seconds)
