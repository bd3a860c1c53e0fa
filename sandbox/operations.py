"""Long-running operations of all services, in one place.

An operation is a resource with a due time; nothing runs in the background. Whoever asks anything first completes what
has come due, in the order of the due times, so an operation survives a restart and a stepped clock alike.

    @completion("aiplatform.endpoints.create")
    def created(sandbox: Sandbox, operation: Json) -> Json:
        ...  # make the change with operation["args"], return the response, or raise GoogleError

    return call.sandbox.operations.start("aiplatform.endpoints.create", name=..., seconds=..., args={...})
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from sandbox.errors import RPC_CODES, GoogleError, Json

if TYPE_CHECKING:
    from sandbox.core import Sandbox

KIND = "operation"
# The due times of what is running, so that no call has to look through all that ever ran.
RUNNING = "operation.running"
Completion = Callable[["Sandbox", Json], Json]
Metadata = Callable[["Sandbox", Json, float], Json]

_completions: dict[str, Completion] = {}
_metadata: dict[str, Metadata] = {}
_stages: dict[str, list[str]] = {}


def completion(handler: str) -> Callable[[Completion], Completion]:
    """Registers what makes the change when an operation of this handler comes due, and returns its response.

    The response has an "@type" where the service's operations carry one.
    """

    def register(function: Completion) -> Completion:
        _completions[handler] = function
        return function

    return register


def progress(handler: str, stages: Sequence[str] = ()) -> Callable[[Metadata], Metadata]:
    """Registers what makes an operation's metadata: (sandbox, operation, done from 0 to 1) -> metadata with "@type".

    `stages` are those that it goes through, each as long as the others.
    """

    def register(function: Metadata) -> Metadata:
        _metadata[handler] = function
        _stages[handler] = list(stages)
        return function

    return register


def known_stages() -> set[str]:
    """The stages that any operation goes through."""
    return {stage for stages in _stages.values() for stage in stages}


class Operations:
    """The operations of one sandbox.

    A record is {name, handler, args, metadata, started, due, state, ended?, response?, error?, planned?, failure?};
    `started`, `due` and `ended` in seconds of the sandbox's clock, `state` one of running, done, failed, cancelled.
    One that is to fail has `failure`, its google.rpc.Status, and `planned`, when it would have been done.
    """

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        # Set while a call is answered whose operation is to fail: (stage or "", the error).
        self.failure: tuple[str, GoogleError] | None = None

    def start(
        self, handler: str, name: str, seconds: float, args: Json | None = None, metadata: Json | None = None
    ) -> Json:
        """Starts an operation called `name` and returns it as its API shows it; with 0 seconds it is already done.

        `metadata` (with "@type") is shown as it is, unless the handler has a progress function.
        """
        now = self._sandbox.clock.now()
        record: Json = {
            "name": name,
            "handler": handler,
            "args": args or {},
            "metadata": metadata,
            "started": now,
            "due": now + seconds,
            "state": "running",
        }
        if self.failure:
            stage, error = self.failure
            stages = _stages.get(handler, [])
            part = (stages.index(stage) + 0.5) / len(stages) if stage in stages else 1.0
            record |= {"failure": error.rpc_status(), "planned": now + seconds, "due": now + seconds * part}
        self._sandbox.store.put(KIND, name, record)
        self._sandbox.store.put(RUNNING, name, {"due": record["due"]})
        if seconds <= 0:
            self._complete(record)
        return self.show(record)

    def advance(self) -> None:
        """Completes what has come due; of what was due at the same moment, the oldest first."""
        now = self._sandbox.clock.now()
        due = [(entry["due"], name) for name, entry in self._sandbox.store.list(RUNNING).items() if entry["due"] <= now]
        for _, name in sorted(due, key=itemgetter(0)):
            record = self._sandbox.store.get(KIND, name)
            if record is not None:
                self._complete(record)

    def running(self, handler: str = "", prefix: str = "") -> list[Json]:
        """The records that are not finished, of a handler and under a name prefix if given, oldest first."""
        records = [self._sandbox.store.get(KIND, name) for name in self._sandbox.store.list(RUNNING, prefix)]
        return [record for record in records if record and handler in ("", record["handler"])]

    def get(self, name: str) -> Json | None:
        """The operation as its API shows it, or None."""
        record = self._sandbox.store.get(KIND, name)
        return self.show(record) if record else None

    def list(self, prefix: str) -> list[Json]:
        """The operations under a name prefix, newest first, as the API shows them."""
        return [self.show(record) for record in reversed(self._sandbox.store.list(KIND, prefix).values())]

    def cancel(self, name: str) -> bool:
        """Ends a running operation with CANCELLED and without its change; False where there is none running."""
        record = self._sandbox.store.get(KIND, name)
        if record is None or record["state"] != "running":
            return False
        error = {"code": RPC_CODES["CANCELLED"], "message": "The operation was cancelled."}
        self._end(record, "cancelled", self._sandbox.clock.now(), error=error)
        return True

    def delete(self, name: str) -> bool:
        """Forgets an operation without touching what it made; False where there is none."""
        return self._sandbox.store.delete(KIND, name)

    def show(self, record: Json) -> Json:
        """A record as google.longrunning.Operation."""
        shown: Json = {"name": record["name"]}
        metadata = self._metadata(record)
        if metadata:
            shown["metadata"] = metadata
        if record["state"] != "running":
            shown["done"] = True
            shown["error" if "error" in record else "response"] = record.get("error") or record["response"]
        return shown

    def _metadata(self, record: Json) -> Json | None:
        shape = _metadata.get(record["handler"])
        if shape is None:
            metadata: Json | None = record["metadata"]
            if metadata and "ended" in record and "genericMetadata" in metadata:
                times = {**metadata["genericMetadata"], "updateTime": self._sandbox.clock.stamp(record["ended"])}
                return {**metadata, "genericMetadata": times}
            return metadata
        span = record.get("planned", record["due"]) - record["started"]
        elapsed = self._sandbox.clock.now() - record["started"]
        return shape(self._sandbox, record, min(1.0, elapsed / span) if span > 0 else 1.0)

    def _complete(self, record: Json) -> None:
        if "failure" in record:
            self._end(record, "failed", record["due"], error=record["failure"])
            return
        try:
            with self._sandbox.store.all_or_nothing():
                response = _completions[record["handler"]](self._sandbox, record)
        except GoogleError as error:
            self._end(record, "failed", record["due"], error=error.rpc_status())
        except Exception as error:  # noqa: BLE001 - a fault of the sandbox ends this operation, not every later call
            fault = GoogleError(500, "INTERNAL", f"Fault of the sandbox in {record['handler']}: {error!r}")
            self._end(record, "failed", record["due"], error=fault.rpc_status())
        else:
            self._end(record, "done", record["due"], response=response)

    def _end(self, record: Json, state: str, ended: float, **result: Json) -> None:
        record.update(state=state, ended=ended, **result)
        self._sandbox.store.put(KIND, record["name"], record)
        self._sandbox.store.delete(RUNNING, record["name"])
