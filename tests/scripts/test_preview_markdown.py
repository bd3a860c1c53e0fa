"""The comment's text: what it tells, what it hides, and what it lets nobody slip in."""

from typing import Any

from scripts.engine_events import HIDDEN, UNKNOWN, Change, Difference, Report, Violation
from scripts.preview_markdown import LONGEST_COMMENT, MARKER, StackPreview, comment, cost

COST: dict[str, Any] = {
    "currency": "USD",
    "asOf": "2026-11-01",
    "idlePerHour": 0.66,
    "fullPerHour": 6.2,
    "idlePerMonth": 481.8,
    "fullPerMonth": 4526,
    "models": {"flash": {"idlePerHour": 0.44, "fullPerHour": 4.4}, "pro": {"idlePerHour": 0.22, "fullPerHour": 1.8}},
    "unknown": ["Requests to the managed API are billed by token."],
}


def change(operation: str, *differences: Difference, name: str = "it") -> Change:
    return Change(operation, "vertex-serving:index:DeployedModel", name, f"urn::{name}", differences)


def text(report: Report, before: dict[str, Any] | None = None, **options: Any) -> str:
    report.finished = options.pop("finished", True)
    return comment([StackPreview("prod", report, before or {}, **options)], "abc1234", "def5678")


def test_the_comment_begins_with_the_marker_and_names_both_commits() -> None:
    """So that it is found again and written over."""
    said = text(Report())
    assert said.startswith(MARKER + "\n")
    assert "`abc1234`" in said
    assert "`def5678`" in said
    assert "### prod: no changes" in said


def test_a_change_shows_each_property_before_and_after() -> None:
    """Replacements first, with the property that forces them."""
    update = change("update", Difference("maxReplicaCount", 20, 30), name="flash")
    replace = change("replace", Difference("machineType", "n1-standard-8", "n1-standard-16", True), name="pro")
    said = text(Report(changes=[update, replace, change("create", name="new"), change("delete", name="old")]))
    assert "### prod: 1 to replace, 1 to delete, 1 to update, 1 to create" in said
    rows = [line for line in said.splitlines() if line.startswith("| ") and "`" in line]
    assert rows == [
        "| ± replace | `pro` DeployedModel | `machineType`: `n1-standard-8` → `n1-standard-16` (replaces) |",
        "| − delete | `old` DeployedModel |  |",
        "| ~ update | `flash` DeployedModel | `maxReplicaCount`: `20` → `30` |",
        "| + create | `new` DeployedModel |  |",
    ]


def test_secrets_stay_hidden_and_unknown_values_are_called_so() -> None:
    """The engine's own mark for a secret is all there is of it."""
    said = text(Report(changes=[change("update", Difference("key", HIDDEN, HIDDEN), Difference("ip", None, UNKNOWN))]))
    assert "`key`: `[secret]` → `[secret]`" in said
    assert "`ip`: nothing → *known after the update*" in said


def test_values_cannot_break_out_of_the_table() -> None:
    """What a fork's program says is code or plain text: no HTML, no link, no mention."""
    evil = "`|\n<img src=x> @everyone [a](b)"
    violation = Violation("p", "advisory", "it", "why.\n<b>@everyone</b>")
    said = text(
        Report(changes=[change("update", Difference(evil, evil, "b"))], violations=[violation], packs={"x": "1"})
    )
    [row] = [line for line in said.splitlines() if "~ update" in line]
    assert row.count("|") == 4
    assert row.count("`") == 8
    assert "<b>" not in said
    assert "@everyone</b>" not in said


def test_policies_are_told_with_their_levels() -> None:
    """Mandatory first; all kept is one line."""
    found = [Violation("b", "advisory", "it", "why b.\nit: do b."), Violation("a", "mandatory", "it", "why a.\ndo a.")]
    said = text(Report(violations=found, passed={"c"}, packs={"gemini-vertex": "0.1.0"}))
    assert "**Policies**: 1 kept, 2 not:" in said
    assert said.index("❌ mandatory `a`: why a. do a.") < said.index("⚠️ advisory `b`: why b. it: do b.")
    assert "**Policies**: 2 kept, all of them." in text(Report(passed={"a", "b"}, packs={"gemini-vertex": "0.1.0"}))
    assert "**Policies**: not checked." in text(Report())


def test_a_mandatory_policy_or_a_failed_preview_keeps_the_change_out() -> None:
    """An advisory one does not."""
    kept = StackPreview("prod", Report(violations=[Violation("p", "advisory", "", "m")], finished=True), {})
    refused = StackPreview("prod", Report(violations=[Violation("p", "mandatory", "", "m")], finished=True), {})
    assert not kept.failed
    assert refused.failed
    assert StackPreview("prod", Report(finished=False), {}).failed


def test_a_failed_preview_shows_its_errors() -> None:
    """As they were printed; without any, the end of the output."""
    assert "````\nno such project\n````" in text(Report(errors=["no such project"]), finished=False)
    assert "````\nit fell over\n````" in text(Report(), finished=False, output="it fell over")
    refused = text(Report(passed={"a"}, packs={"gemini-vertex": "0.1.0"}), finished=False)
    assert "### prod: refused" in refused
    assert "not all checked" in refused


def test_a_missing_base_is_said() -> None:
    """All resources are new then, which needs a reason."""
    assert "all is new here: the base commit has no such stack." in text(
        Report(), base_error="the base commit has no such stack."
    )


def test_the_change_of_cost_by_hour_month_and_model() -> None:
    """Only models whose cost changes have rows; what is not counted is said."""
    after = COST | {"idlePerHour": 0.88, "models": COST["models"] | {"pro": {"idlePerHour": 0.44, "fullPerHour": 1.8}}}
    lines = cost({"cost": COST}, {"cost": after}).splitlines()
    assert lines[0] == "**Cost** in `USD`, by prices of `2026-11-01`:"
    assert "| idle, an hour | 0.66 | 0.88 | +0.22 |" in lines
    assert "| idle, a month | 482 | 482 | none |" in lines
    assert "| `pro`, idle, an hour | 0.22 | 0.44 | +0.22 |" in lines
    assert not [line for line in lines if "flash" in line]
    assert "Not counted: Requests to the managed API are billed by token." in lines


def test_the_same_cost_is_one_line() -> None:
    """And what is not counted is said all the same."""
    lines = cost({"cost": COST}, {"cost": COST}).splitlines()
    assert lines == [
        "**Cost** in `USD`, by prices of `2026-11-01`: the same as before.",
        "",
        "Not counted: Requests to the managed API are billed by token.",
    ]


def test_a_new_model_costs_nothing_before() -> None:
    """And a dropped one nothing after."""
    lines = cost({"cost": COST | {"models": {}}}, {"cost": COST}).splitlines()
    assert "| `flash`, at full load, an hour | 0.00 | 4.40 | +4.40 |" in lines


def test_a_price_that_is_not_known_makes_no_total() -> None:
    """A region without prices is no saving, whatever total the output of an earlier version has."""
    unknown = {"idlePerHour": None, "fullPerHour": None}
    after = COST | {"idlePerHour": 0.44, "models": COST["models"] | {"pro": unknown}}
    lines = cost({"cost": COST}, {"cost": after}).splitlines()
    assert "| idle, an hour | 0.66 | not known | not known |" in lines
    assert "| idle, a month | 482 | not known | not known |" in lines
    assert "| `pro`, idle, an hour | 0.22 | not known | not known |" in lines


def test_the_months_and_tokens_of_a_model_are_told() -> None:
    """A managed model costs by token: its price has rows of its own."""

    def one(month: float, out: float) -> dict[str, Any]:
        tokens = {"input": 1.5, "output": out}
        return {
            "cost": COST | {"models": {"pro": {"idlePerHour": 1, "idlePerMonth": month, "perMillionTokens": tokens}}}
        }

    lines = cost(one(730, 7.5), one(740, 9.5)).splitlines()
    assert "| `pro`, idle, a month | 730 | 740 | +10 |" in lines
    assert "| `pro`, the million output tokens | 7.50 | 9.50 | +2.00 |" in lines
    assert "| `pro`, the million input tokens | 1.50 | 1.50 | none |" in lines


def test_an_unknown_cost_is_said_to_be_unknown() -> None:
    """On either side, or in one number."""
    assert "not known" in cost({}, {})
    assert "not known" in cost({}, {"cost": UNKNOWN})
    assert "The base tells no cost to compare with." in cost({}, {"cost": COST})
    assert "| idle, an hour | not known | 0.66 | not known |" in cost({}, {"cost": COST})


def test_a_comment_is_never_longer_than_github_takes() -> None:
    """It is cut at a line's end, and says so."""
    many = [
        change("update", *[Difference(f"p{n}", "x" * 90, "y" * 90) for n in range(40)], name=str(i)) for i in range(99)
    ]
    said = text(Report(changes=many))
    assert len(said) < LONGEST_COMMENT + 200
    assert said.endswith("The rest is left out: GitHub takes no longer comment.\n")
