"""docs/policy.md lists the rules as they are."""

from policy.pack import RULES
from scripts.workspace import ROOT


def test_the_table_is_the_pack() -> None:
    """Every rule, in order, with its level and its sentence."""
    lines = (ROOT / "docs/policy.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert rows == [f"| `{rule.name}` | {rule.level} | {rule.why} |" for rule in RULES]
