"""What was measured, minute by minute, for Cloud Monitoring.

It is read from memory; what changes it is also appended to the store's journal, from which a restarted sandbox reads it
again. A reset and a restored snapshot empty it.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.errors import Json

if TYPE_CHECKING:
    from sandbox.core import Sandbox
    from sandbox.store import Store

MINUTE = 60
_KEPT_MINUTES = 24 * 60
_LONGEST_JOURNAL = 5_000
GROWTH, FINITE_BUCKETS = 1.4, 40
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Spread:
    """A distribution: how many values, their sum and sum of squares, and how many in each exponential bucket."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (FINITE_BUCKETS + 2))

    def add(self, value: float) -> None:
        """Counts one value."""
        self.count += 1
        self.total += value
        self.squares += value * value
        self.buckets[next((n for n in range(FINITE_BUCKETS + 1) if value < GROWTH**n), FINITE_BUCKETS + 1)] += 1

    def merge(self, other: "Spread") -> None:
        """Counts all values of another."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]

    @property
    def mean(self) -> float:
        """The mean value, 0 of none."""
        return self.total / self.count if self.count else 0.0

    def percentile(self, percent: float) -> float:
        """About the value below which so many percent are: it is interpolated within its bucket."""
        wanted, seen = self.count * percent / 100, 0.0
        for number, count in enumerate(self.buckets):
            if count and seen + count >= wanted:
                low, high = (0.0 if number == 0 else GROWTH ** (number - 1)), GROWTH**number
                return low + (high - low) * max(0.0, wanted - seen) / count
            seen += count
        return 0.0

    def shown(self) -> Json:
        """As google.api.Distribution."""
        counts = list(self.buckets)
        while counts and not counts[-1]:
            counts.pop()
        return {
            "count": str(self.count),
            "mean": self.mean,
            "sumOfSquaredDeviation": max(0.0, self.squares - self.count * self.mean**2),
            "bucketOptions": {
                "exponentialBuckets": {"numFiniteBuckets": FINITE_BUCKETS, "growthFactor": GROWTH, "scale": 1.0}
            },
            "bucketCounts": [str(count) for count in counts],
        }


Value = int | float | Spread


@dataclass(frozen=True, slots=True)
class Key:
    """One time series: a metric with its labels, of a resource with its own."""

    metric: str
    labels: Labels
    resource: str
    resource_labels: Labels


class Meter:
    """All time series of one sandbox: values by the second in which their minute begins.

    The journal has entries {"keys": [key…], "changes": [[number of the key, minute, change]…]}: keys are numbered as
    they come, a change is ["count", amount], ["spread", value] or ["gauge", value]. An entry {"keys", "points"} stands
    for all before it.
    """

    def __init__(self, store: "Store") -> None:
        self._store = store
        self._numbers: dict[Key, int] = {}
        self._values: list[dict[int, Value]] = []
        self._new: list[Key] = []
        self._changes: list[tuple[int, int, str, float]] = []
        self._entries = 0
        for entry in store.journal():
            self._replay(entry)
            self._entries += 1

    def series(self) -> dict[Key, dict[int, Value]]:
        """All of them."""
        return dict(zip(self._numbers, self._values, strict=True))

    def count(self, key: Key, now: float, amount: int = 1) -> None:
        """Adds to a counter."""
        self._change(self._number(key), minute_of(now), "count", amount)

    def spread(self, key: Key, now: float, value: float) -> None:
        """Adds a value to a distribution."""
        self._change(self._number(key), minute_of(now), "spread", value)

    def gauge(self, key: Key, minute: int, value: int) -> None:
        """Says what a gauge was in a minute."""
        number = self._number(key)
        if self._values[number].get(minute) != value:
            self._change(number, minute, "gauge", value)

    def last(self, key: Key) -> int | None:
        """The last minute of a series, or None."""
        return next(reversed(self._values[self._number(key)]), None)

    def keep(self) -> None:
        """Writes what changed since the last time to the journal; whoever calls it commits."""
        if not self._changes:
            return
        self._store.append({"keys": [_plain(key) for key in self._new], "changes": self._changes})
        self._new, self._changes = [], []
        self._entries += 1
        if self._entries > _LONGEST_JOURNAL:
            self.shorten()

    def shorten(self) -> None:
        """Puts what is there in the place of the journal; whoever calls it commits."""
        points = [
            (number, minute, _plain_value(value))
            for number, values in enumerate(self._values)
            for minute, value in values.items()
        ]
        self._store.shorten_journal({"keys": [_plain(key) for key in self._numbers], "points": points})
        self._new, self._changes, self._entries = [], [], 1

    def _number(self, key: Key) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._values)
            self._values.append({})
            self._new.append(key)
        return number

    def _change(self, number: int, minute: int, how: str, value: float) -> None:
        self._apply(number, minute, how, value)
        if self._store.keeps_journal:
            self._changes.append((number, minute, how, value))

    def _apply(self, number: int, minute: int, how: str, value: float) -> None:
        points = self._values[number]
        oldest = minute - _KEPT_MINUTES * MINUTE
        while points and next(iter(points)) < oldest:
            del points[next(iter(points))]
        if how == "spread":
            found = points.get(minute)
            if found is None:
                found = points[minute] = Spread()
            if isinstance(found, Spread):
                found.add(value)
        else:
            before = points.get(minute, 0) if how == "count" else 0
            points[minute] = int(value) + (before if isinstance(before, int) else 0)

    def _replay(self, entry: Json) -> None:
        for plain in entry["keys"]:
            self._number(_key_of(plain))
        self._new = []
        for number, minute, how, value in entry.get("changes", []):
            self._apply(number, minute, how, value)
        for number, minute, value in entry.get("points", []):
            self._values[number][minute] = Spread(*value) if isinstance(value, list) else value


def _plain(key: Key) -> list[Any]:
    return [key.metric, key.labels, key.resource, key.resource_labels]


def _key_of(plain: list[Any]) -> Key:
    metric, labels, resource, resource_labels = plain
    return Key(metric, tuple((k, v) for k, v in labels), resource, tuple((k, v) for k, v in resource_labels))


def _plain_value(value: Value) -> Any:
    return [value.count, value.total, value.squares, value.buckets] if isinstance(value, Spread) else value


def minute_of(seconds: float) -> int:
    """The second in which a time's minute begins."""
    return int(seconds // MINUTE) * MINUTE


def meter(sandbox: "Sandbox") -> Meter:
    """The meter of a sandbox."""
    if "meter" not in sandbox.memory:
        sandbox.memory["meter"] = Meter(sandbox.store)
    found: Meter = sandbox.memory["meter"]
    return found
