"""What Pulumi's engine says of a preview or a refresh: its event log, read into changes, policy results and messages.

`pulumi … --event-log FILE` writes a line of JSON an event (apitype.EngineEvent of Pulumi's SDK); the CLI offers the
flag where PULUMI_DEBUG_COMMANDS is set. Values of secrets never reach the log: the engine writes "[secret]".
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

ASK_FOR_LOG: Final = {"PULUMI_DEBUG_COMMANDS": "true"}
UNKNOWNS: Final = (
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
)
"""What stands in the log for a value that is not known yet, by its type (plugin.UnknownStringValue and the others)."""

HIDDEN: Final = "[secret]"
"""What stands there for a secret."""

_STACK = "pulumi:pulumi:Stack"
_OPERATIONS = ("create", "update", "delete", "replace", "import", "read")


class Unknown:
    """A value that is known only after the update."""

    def __repr__(self) -> str:
        return "known after the update"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Difference:
    """One property that changes; `old` or `new` is None where it is not there."""

    path: str
    old: Any
    new: Any
    replaces: bool = False


@dataclass(frozen=True)
class Change:
    """What happens to one resource: create, update, replace, delete, import or read."""

    operation: str
    type: str
    name: str
    urn: str
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Violation:
    """A policy's word: `level` is mandatory or advisory, `message` begins with why the policy is there."""

    policy: str
    level: str
    resource: str
    message: str


@dataclass(frozen=True)
class Failure:
    """What went wrong with one resource: `operation` is create, update, delete, read or refresh; `error` its words."""

    type: str
    urn: str
    operation: str
    error: str
    properties: Json


@dataclass
class Report:
    """A preview, an update, a refresh or a destroy.

    `outputs_before` and `outputs` are the stack's; `policies` the packs that ran, by name and version; `errors` and
    `warnings` what was printed; `failures` the errors of resources; `passed` policies that found nothing to say;
    `resources` the state of each resource that was looked at, by URN.
    """

    changes: list[Change] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    passed: set[str] = field(default_factory=set)
    packs: dict[str, str] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    resources: dict[str, Json] = field(default_factory=dict)
    outputs_before: Json = field(default_factory=dict)
    outputs: Json = field(default_factory=dict)
    unchanged: int = 0
    finished: bool = False


def read(file: Path) -> Report:
    """The report of a log; of one that was cut off, what there is, with `finished` false."""
    events = [json.loads(line) for line in file.read_text().splitlines() if line.strip()] if file.exists() else []
    report = Report()
    steps: dict[str, Json] = {}
    failed: dict[str, Json] = {}
    of_resources: list[Json] = []
    for event in events:
        for kind, content in event.items():
            if kind in ("resourcePreEvent", "resOutputsEvent"):
                _step(report, steps, content["metadata"], refreshed=kind == "resOutputsEvent")
            elif kind == "policyEvent":
                report.violations.append(_violation(content))
            elif kind in ("policyAnalyzeSummaryEvent", "policyAnalyzeStackSummaryEvent"):
                report.passed.update(content.get("passed", []))
            elif kind == "diagnosticEvent":
                _diagnostic(report, content)
                if content.get("urn") and content.get("severity") == "error":
                    of_resources.append(content)
            elif kind == "resOpFailedEvent":
                failed[content["metadata"]["urn"]] = content["metadata"]
            elif kind == "summaryEvent":
                report.finished = content.get("result", "succeeded") == "succeeded"
                report.unchanged = content.get("resourceChanges", {}).get("same", 0)
                names = content.get("PolicyPacks", {})
                report.packs = {name.partition("|")[0]: version for name, version in names.items()}
    report.passed -= {violation.policy for violation in report.violations}
    report.changes = [_change(metadata) for metadata in steps.values()]
    report.failures = [_failure(failed[each["urn"]], each) for each in of_resources if each["urn"] in failed]
    return report


def _step(report: Report, steps: dict[str, Json], metadata: Json, refreshed: bool) -> None:
    if metadata["type"] == _STACK:
        report.outputs_before = _plain((metadata["old"] or {}).get("outputs") or report.outputs_before)
        report.outputs = _plain((metadata["new"] or {}).get("outputs") or report.outputs)
        return
    state = metadata["new"] or metadata["old"] or {}
    report.resources[metadata["urn"]] = state
    # components and providers change with what they hold, or not at all
    if not state.get("custom") or metadata["type"].startswith("pulumi:providers:"):
        return
    operation = metadata["op"]
    if refreshed:
        # only a refresh tells the operation afterwards: an update or a deletion that somebody else made
        if steps.get(metadata["urn"], {}).get("op") == "refresh":
            del steps[metadata["urn"]]
            # an update without a diff is one of etags and times
            if operation == "delete" or (operation == "update" and metadata.get("detailedDiff")):
                steps[metadata["urn"]] = metadata
    elif operation == "refresh" or operation in _OPERATIONS or _protection(metadata):
        steps[metadata["urn"]] = metadata


def _change(metadata: Json) -> Change:
    old, new = metadata["old"] or {}, metadata["new"] or {}
    # to the engine a resource whose protection alone changes is the same
    operation = "update" if metadata["op"] == "same" else str(metadata["op"])
    reasons = tuple(metadata.get("keys") or ())
    differences = [*differing(old.get("inputs") or {}, new.get("inputs") or {}), *_protection(metadata)]
    if operation == "update" and not differences:
        # what a provider read differs, not what the program asks for
        differences = list(differing(old.get("outputs") or {}, new.get("outputs") or {}))
    if operation == "update" and not differences:
        # both are "[secret]" in the log, or the provider knows better than the two values tell
        differences = [(path, HIDDEN, HIDDEN) for path in metadata.get("diffs") or ()]
    return Change(
        operation,
        metadata["type"],
        metadata["urn"].rpartition("::")[2],
        metadata["urn"],
        tuple(Difference(*each, replaces=_is_of(each[0], reasons)) for each in differences) if old and new else (),
    )


def _protection(metadata: Json) -> list[tuple[str, Any, Any]]:
    """The option `protect`, where it changes."""
    old, new = metadata["old"], metadata["new"]
    if not (old and new) or bool(old.get("protect")) == bool(new.get("protect")):
        return []
    return [("protect", bool(old.get("protect")), bool(new.get("protect")))]


def _is_of(path: str, keys: tuple[str, ...]) -> bool:
    return any(path == key or path.startswith((f"{key}.", f"{key}[")) for key in keys)


def differing(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The paths at which two values differ, with both values; None stands for what is not there."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in ("__defaults", "__internal"):
                yield from differing(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before, after = (each[index] if index < len(each) else None for each in (old, new))
            yield from differing(before, after, f"{path}[{index}]")
    elif (before := _document(old)) and (after := _document(new)):
        yield from differing(before, after, path)
    elif old != new:
        yield path, _plain(old), _plain(new)


def _document(value: Any) -> Json | None:
    """The JSON object that a text is, such as a file in a ConfigMap: what differs in it says more than all of it."""
    if not (isinstance(value, str) and value.startswith("{")):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return UNKNOWN if value in UNKNOWNS else value
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def _violation(content: Json) -> Violation:
    urn = content.get("resourceUrn", "")
    return Violation(
        content["policyName"],
        "advisory" if content["enforcementLevel"] in ("advisory", "warning") else "mandatory",
        "" if "::pulumi:pulumi:Stack::" in urn else urn.rpartition("::")[2],
        content["message"].strip(),
    )


def _failure(metadata: Json, diagnostic: Json) -> Failure:
    state = metadata["new"] or metadata["old"] or {}
    properties = {**(state.get("outputs") or {}), **(state.get("inputs") or {})}
    return Failure(metadata["type"], metadata["urn"], metadata["op"], diagnostic["message"].strip(), properties)


def _diagnostic(report: Report, content: Json) -> None:
    if content.get("ephemeral") or content.get("severity") not in ("error", "warning"):
        return
    message = content["message"].strip()
    kept = report.errors if content["severity"] == "error" else report.warnings
    # the engine's own last word says nothing that is not said
    if message and message not in kept and message not in ("preview failed", "update failed", "refresh failed"):
        kept.append(message)
