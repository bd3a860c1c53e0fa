"""What a check comes to."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, how it stands, what was seen, and where it fails what mends it.

    A check that could not be made is a `fail`, with what makes it possible. A `warn` does not change the exit status.
    """

    check: str
    status: Status
    seen: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return asdict(self)
