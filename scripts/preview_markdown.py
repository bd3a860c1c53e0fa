"""The comment of a pull request, in Markdown, from what the engine said of each stack."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scripts.engine_events import UNKNOWN, Change, Report, Violation

MARKER: Final = "<!-- gemini-vertex preview -->"
"""First line of the comment; who posts it looks for this line, to write over the comment that is there."""

LONGEST_VALUE: Final = 100
LONGEST_COMMENT: Final = 60_000  # GitHub takes 65,536 characters
MOST_CHANGES: Final = 100

_SIGNS = {"replace": "±", "delete": "−", "update": "~", "create": "+", "import": "=", "read": "?"}
_TITLES = {
    "idlePerHour": "idle, an hour",
    "idlePerMonth": "idle, a month",
    "fullPerHour": "at full load, an hour",
    "fullPerMonth": "at full load, a month",
}


@dataclass(frozen=True)
class StackPreview:
    """One stack's preview. `base_error` says why there was no base to compare with, "" where there was one."""

    stack: str
    report: Report
    outputs_before: Mapping[str, Any]
    base_error: str = ""
    output: str = ""

    @property
    def failed(self) -> bool:
        """Whether the change cannot go in: the preview failed, or a mandatory policy is violated."""
        return not self.report.finished or any(each.level == "mandatory" for each in self.report.violations)


def comment(previews: Sequence[StackPreview], base: str, head: str, removed: Sequence[str] = ()) -> str:
    """The comment on what becomes of each stack between two commits (shown as they are given).

    `removed` are stacks whose file is in the base and no longer here: there is nothing of them to preview.
    """
    parts = [
        MARKER,
        "## What this change does",
        f"Each stack was brought up from {_code(base)} in a local Google Cloud and previewed from {_code(head)}. "
        "No credentials were used, and nothing real was touched.",
        *(_stack(preview) for preview in previews),
        *(_removed(stack) for stack in removed),
    ]
    text = "\n\n".join(parts) + "\n"
    if len(text) > LONGEST_COMMENT:
        cut = text[:LONGEST_COMMENT].rpartition("\n")[0]
        text = f"{cut}\n\nThe rest is left out: GitHub takes no longer comment.\n"
    return text


def _removed(stack: str) -> str:
    return (
        f"### {stack}: its file is removed\n\n"
        f"Nothing is previewed of it, and what it made stays until somebody runs `pulumi destroy --stack {stack}` and "
        f"`pulumi stack rm {stack}` with the file still there."
    )


def _stack(preview: StackPreview) -> str:
    report = preview.report
    parts = [f"### {preview.stack}: {_summary(report)}"]
    if preview.base_error:
        parts.append(f"There was no base to compare with, so all is new here: {_sentence(preview.base_error)}")
    if report.changes:
        parts.append(_changes(report.changes))
    refused = any(each.level == "mandatory" for each in report.violations)
    errors = report.errors or ([] if report.finished or refused else [preview.output[-1500:] or "Pulumi said nothing."])
    if errors:
        parts.append("The preview failed:\n\n" + "\n".join(_quoted(error) for error in errors))
    parts.append(cost(preview.outputs_before, report.outputs))
    parts.append(_policies(report))
    return "\n\n".join(parts)


def _summary(report: Report) -> str:
    counts = {sign: sum(change.operation == sign for change in report.changes) for sign in _SIGNS}
    words = [f"{count} to {operation}" for operation, count in counts.items() if count]
    if not report.finished:
        return ", ".join(["refused", *words])
    return ", ".join(words) if words else "no changes"


def _changes(changes: Sequence[Change]) -> str:
    order = list(_SIGNS)
    rows = sorted(changes, key=lambda change: (order.index(change.operation), change.type, change.name))
    lines = ["| | resource | what changes |", "|---|---|---|"]
    for change in rows[:MOST_CHANGES]:
        resource = f"{_code(change.name)} {change.type.rpartition(':')[2]}"
        lines.append(f"| {_SIGNS[change.operation]} {change.operation} | {resource} | {_differences(change)} |")
    if len(rows) > MOST_CHANGES:
        lines.append(f"| | and {len(rows) - MOST_CHANGES} more | |")
    return "\n".join(lines)


def _differences(change: Change) -> str:
    told = []
    for each in change.differences:
        forced = " (replaces)" if each.replaces else ""
        told.append(f"{_code(each.path)}: {_value(each.old)} → {_value(each.new)}{forced}")
    return "<br>".join(told)


def _value(value: Any) -> str:
    if value is None:
        return "nothing"
    if value is UNKNOWN:
        return "*known after the update*"
    return _code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr))


def cost(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """The change of the stack output `cost`, or a sentence where one of the two sides has none."""
    old, new = _known_cost(before), _known_cost(after)
    if new is None:
        return "**Cost**: not known, for the previewed program tells none (stack output `cost`)."
    currency = _code(str(new.get("currency", "USD")))
    lines = [f"**Cost** in {currency}, by prices of {_code(str(new.get('asOf', 'an unknown day')))}:", ""]
    if old == new:
        lines = [f"{lines[0]} the same as before."]
        return "\n".join([*lines, *_uncounted(new)])
    lines += ["| | before | after | change |", "|---|---:|---:|---:|"]
    models = [(each or {}).get("models") or {} for each in (old, new)]
    for key, title in _TITLES.items():
        before_, after_ = (_total(key, *side) for side in ((old or {}, models[0]), (new, models[1])))
        lines.append(_cost_row(title, before_, after_, _digits(key)))
    for name in sorted({*models[0], *models[1]}):
        was, becomes = ((each.get(name) or {}) if isinstance(each, Mapping) else {} for each in models)
        if was != becomes:
            lines += _model_rows(_code(name), was, becomes)
    lines += _uncounted(new)
    if old is None:
        lines += ["", "The base tells no cost to compare with."]
    return "\n".join(lines)


def _model_rows(name: str, was: Mapping[str, Any], becomes: Mapping[str, Any]) -> Iterator[str]:
    """A model that is only on one side costs nothing on the other; an earlier version tells no months."""
    for key, title in _TITLES.items():
        if all(key in side for side in (was, becomes) if side):
            old, new = (side[key] if side else 0 for side in (was, becomes))
            yield _cost_row(f"{name}, {title}", old, new, _digits(key))
    old_tokens, new_tokens = (side.get("perMillionTokens") or {} for side in (was, becomes))
    for key in ("input", "output") if old_tokens or new_tokens else ():
        yield _cost_row(f"{name}, the million {key} tokens", old_tokens.get(key), new_tokens.get(key), 2)


def _total(key: str, estimate: Mapping[str, Any], models: Mapping[str, Any]) -> Any:
    """The stack's sum, None where a model's part of it is not known, whatever the sum of an earlier version says."""
    hourly = key.replace("Month", "Hour")
    known = all(model.get(hourly, 0) is not None for model in models.values() if isinstance(model, Mapping))
    return estimate.get(key) if known else None


def _digits(key: str) -> int:
    return 0 if key.endswith("Month") else 2


def _uncounted(estimate: Mapping[str, Any]) -> list[str]:
    return [line for each in estimate.get("unknown") or [] for line in ("", f"Not counted: {_sentence(str(each))}")]


def _known_cost(outputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = outputs.get("cost")
    return found if isinstance(found, Mapping) else None


def _cost_row(title: str, old: Any, new: Any, digits: int) -> str:
    cells = [f"{value:,.{digits}f}" if isinstance(value, int | float) else "not known" for value in (old, new)]
    both = isinstance(old, int | float) and isinstance(new, int | float)
    change = f"{new - old:+,.{digits}f}" if both and round(new - old, 6) else ("none" if both else "not known")
    return f"| {title} | {cells[0]} | {cells[1]} | {change} |"


def _policies(report: Report) -> str:
    if not report.packs:
        return "**Policies**: not checked."
    lines = []
    for level, sign in (("mandatory", "❌"), ("advisory", "⚠️")):
        found = sorted((v for v in report.violations if v.level == level), key=lambda v: (v.policy, v.message))
        lines += [f"- {sign} {level} {_code(each.policy)}: {_told(each)}" for each in found]
    if not (lines or report.finished):
        return "**Policies**: not all checked, since the preview failed."
    kept = f"{len(report.passed)} kept"
    violated = f", {len({v.policy for v in report.violations})} not:" if lines else ", all of them."
    return f"**Policies**: {kept}{violated}" + ("\n\n" + "\n".join(lines) if lines else "")


def _told(violation: Violation) -> str:
    return _sentence(" ".join(violation.message.split()))


def _code(text: str) -> str:
    """`text` as code in one cell of a table: nothing in it is taken for Markdown, HTML or a mention."""
    line = " ".join(text.replace("`", "'").replace("|", "¦").split())
    shown = line if len(line) <= LONGEST_VALUE else f"{line[: LONGEST_VALUE - 1]}…"
    return f"`{shown}`" if shown else '`""`'


def _sentence(text: str) -> str:
    """Text of others in a line of its own: no HTML, and nobody is mentioned."""
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("@", "@\u200b")
    return plain[:1000]


def _quoted(text: str) -> str:
    fence = "````"
    return f"{fence}\n{text.replace(fence, '…')[:3000].rstrip()}\n{fence}"
