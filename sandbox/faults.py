"""Faults to order: which calls they strike, and what they do to them.

A fault is given as JSON (control URL, file) or as text (command line):

    {"method": "*.endpoints.deployModel", "nth": [2], "status": "UNAVAILABLE", "retryAfter": 3}
    method=*.endpoints.deployModel,nth=2,status=UNAVAILABLE,retryAfter=3

Each matching call counts; the first fault in the list that strikes is the only one that a call meets.
"""

import fnmatch
import random
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from sandbox.errors import CANNED, HTTP_CODES, RPC, GoogleError, Json, invalid_argument
from sandbox.operations import known_stages

if TYPE_CHECKING:
    from sandbox.core import Sandbox

KIND = "fault"
_BY_HTTP_CODE = {
    "400": "INVALID_ARGUMENT",
    "401": "UNAUTHENTICATED",
    "403": "PERMISSION_DENIED",
    "404": "NOT_FOUND",
    "409": "ABORTED",
    "429": "RESOURCE_EXHAUSTED",
    "499": "CANCELLED",
    "500": "INTERNAL",
    "501": "UNIMPLEMENTED",
    "503": "UNAVAILABLE",
    "504": "DEADLINE_EXCEEDED",
}


def _name(status: Any) -> Any:
    """503 or "503" as "UNAVAILABLE"."""
    return _BY_HTTP_CODE.get(str(status), str(status))


def _known(status: str) -> str:
    if status not in HTTP_CODES:
        raise ValueError(f"{status} is none of {', '.join(sorted(HTTP_CODES))}, and no HTTP code that stands for one.")
    return status


def _several(nth: Any) -> Any:
    """2, "2" or "2+5" as a list."""
    if isinstance(nth, int):
        return [nth]
    return nth.split("+") if isinstance(nth, str) else nth


Seconds = Annotated[float, Field(ge=0, le=86400)]
Status = Annotated[str, BeforeValidator(_name), AfterValidator(_known)]
Nth = Annotated[list[Annotated[int, Field(ge=1)]], BeforeValidator(_several)]


class Fault(BaseModel):
    """One ordered fault, in camelCase on the wire. It says whom it strikes, and one thing that it does.

    Args:
        method: discovery id of the method, "*" and "?" standing for any text; "kubernetes" for that API,
            "computeMetadata" for the metadata servers.
        path: the request's path ("/aiplatform/v1/…"), likewise.
        nth: which of the matching calls, counted from 1; none names them all.
        probability: of striking such a call, drawn from `seed`.
        seed: with it the same calls are struck every time.
        times: strikes after which it is spent, 0 for any number.
        status: answer with this error, by its canonical name or its HTTP code.
        message: of the error; its canonical sentence where it is not given.
        details: google.rpc details of the error.
        retry_after: seconds to wait, as the header Retry-After and as a google.rpc.RetryInfo.
        delay: seconds by the sandbox's clock before anything else happens; may go with any other effect.
        hang: never answer.
        reset: end the connection with a TCP reset.
        when: "after" lets the call make its change, then gives the error, hangs or resets in place of the answer.
        cut_after: end the connection after so many chunks of a stream; a shorter one, and any other answer, is whole.
        error_after: give the error of `status` inside a stream that has begun with 200, after so many chunks (0 for in
            place of the first); in place of any other answer.
        operation: the operation that the call starts fails with `status` (INTERNAL where it is not given).
        stage: of the operation, in which it fails, e.g. "ADDING_NODES_TO_CLUSTER"; its end where it is not given.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")

    method: str = "*"
    path: str = "*"
    nth: Nth = []
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    seed: int = 0
    times: Annotated[int, Field(ge=0)] = 0
    status: Status | None = None
    message: str = ""
    details: list[Json] = []
    retry_after: Seconds | None = None
    delay: Seconds = 0.0
    hang: bool = False
    reset: bool = False
    when: Literal["before", "after"] = "before"
    cut_after: Annotated[int, Field(ge=0)] | None = None
    error_after: Annotated[int, Field(ge=0)] | None = None
    operation: bool = False
    stage: str = ""

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        self.operation = self.operation or bool(self.stage)
        others = {
            "hang": self.hang,
            "reset": self.reset,
            "cutAfter": self.cut_after is not None,
            "errorAfter": self.error_after is not None,
            "operation": self.operation,
        }
        chosen = [name for name, there in others.items() if there]
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude each other: order two faults.")
        takes_status = not chosen or chosen[0] in ("errorAfter", "operation")
        if self.status and not takes_status:
            raise ValueError(f"{chosen[0]} gives no answer, so it takes no status.")
        if not self.status and not chosen and not self.delay:
            raise ValueError("say what happens: status, delay, hang, reset, cutAfter, errorAfter, operation or stage.")
        if self.error_after is not None and not self.status:
            raise ValueError("errorAfter needs a status.")
        if self.when == "after" and chosen not in ([], ["hang"], ["reset"]):
            raise ValueError(f"when=after goes with status, delay, hang and reset, not with {chosen[0]}.")
        if self.stage and self.stage not in known_stages():
            raise ValueError(f"stage {self.stage} is none of {', '.join(sorted(known_stages()))}.")
        return self

    def error(self) -> GoogleError:
        """The error of `status`, as Google words and shapes it."""
        status = self.status or "INTERNAL"
        details, headers = list(self.details), {}
        if self.retry_after is not None:
            details.append({"@type": RPC + "RetryInfo", "retryDelay": f"{self.retry_after:g}s"})
            headers["Retry-After"] = f"{-(-self.retry_after // 1):.0f}"
        return GoogleError(HTTP_CODES[status], status, self.message or CANNED[status], details, headers)

    def effect(self) -> str:
        """What it does, in a word, for the record of calls."""
        names = ("hang", "reset", "operation")
        found = [name for name in names if getattr(self, name)]
        found += ["cut"] * (self.cut_after is not None) + ["error in stream"] * (self.error_after is not None)
        return found[0] if found else str(self.status or "delay")


class Faults:
    """The faults ordered of one sandbox, with how many calls each has seen and struck. They outlive a restart."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        kept = sandbox.store.get(KIND, KIND) or {"faults": []}
        self._all: list[tuple[Fault, dict[str, int]]] = [
            (Fault.model_validate(each["fault"]), each["counts"]) for each in kept["faults"]
        ]
        # What hangs waits until this changes.
        self.generation = 0

    def order(self, faults: list[Fault]) -> None:
        """Adds faults behind those that are there."""
        self._all += [(fault, {"seen": 0, "struck": 0}) for fault in faults]
        self._keep()

    def clear(self) -> None:
        """Forgets all faults; calls that hang end with a reset."""
        self.release()
        if self._all:
            self._all = []
            self._keep()

    def release(self) -> None:
        """Lets go of the calls that hang."""
        self.generation += 1

    def shown(self) -> list[Json]:
        """As /_sandbox/faults shows them: what was given, `seen` and `struck`."""
        return [{**_given(fault), **counts} for fault, counts in self._all]

    def strike(self, method: str, path: str) -> Fault | None:
        """Counts a call, and returns the fault that it meets, or None."""
        struck: Fault | None = None
        matched = False
        for fault, counts in self._all:
            if not (fnmatch.fnmatchcase(method, fault.method) and fnmatch.fnmatchcase(path, fault.path)):
                continue
            matched = True
            counts["seen"] += 1
            if struck is None and self._strikes(fault, counts):
                counts["struck"] += 1
                struck = fault
        if matched:
            self._keep()
        return struck

    @staticmethod
    def _strikes(fault: Fault, counts: dict[str, int]) -> bool:
        if (fault.times and counts["struck"] >= fault.times) or (fault.nth and counts["seen"] not in fault.nth):
            return False
        # The draw depends on the seed and the call's number alone, so that a restart changes nothing.
        draw = random.Random(f"{fault.seed}:{counts['seen']}").random()  # noqa: S311 - no secret
        return draw < fault.probability

    def _keep(self) -> None:
        faults = [{"fault": _given(fault), "counts": counts} for fault, counts in self._all]
        self._sandbox.store.put(KIND, KIND, {"faults": faults})


def _given(fault: Fault) -> Json:
    return fault.model_dump(by_alias=True, exclude_defaults=True)


def read(orders: Any) -> list[Fault]:
    """Faults of JSON: one, a list, or {"faults": […]}. 400 INVALID_ARGUMENT names what is wrong with which."""
    if isinstance(orders, dict) and set(orders) == {"faults"}:
        orders = orders["faults"]
    faults = []
    for number, order in enumerate(orders if isinstance(orders, list) else [orders], 1):
        try:
            faults.append(Fault.model_validate(order))
        except ValidationError as error:
            raise invalid_argument(f"Fault {number}: {'; '.join(map(_why, error.errors()))}") from None
    return faults


def _why(mistake: Any) -> str:
    field, message = ".".join(map(str, mistake["loc"])), mistake["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


def parse(text: str) -> Json:
    """A fault of the command line, "method=*.predict,nth=2+3,status=503", as JSON. ValueError where it is none."""
    order: Json = {}
    for part in text.split(","):
        name, sign, value = part.partition("=")
        if name.strip() == "details" or (sign and not value):
            raise ValueError(f"{part}: give details, and empty values, in a file.")
        order[name.strip()] = value if sign else "true"
    return order
