"""What was measured, minute by minute, for Cloud Monitoring. A restart forgets it; a reset empties it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.errors import Json

if TYPE_CHECKING:
    from sandbox.core import Sandbox

MINUTE = 60
_KEPT_MINUTES = 24 * 60
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
    """All time series of one sandbox: values by the second in which their minute begins."""

    def __init__(self) -> None:
        self.series: dict[Key, dict[int, Value]] = {}

    def count(self, key: Key, now: float, amount: int = 1) -> None:
        """Adds to a counter."""
        points = self._points(key, now)
        before = points.get(minute_of(now), 0)
        points[minute_of(now)] = amount + (before if isinstance(before, int) else 0)

    def spread(self, key: Key, now: float, value: float) -> None:
        """Adds a value to a distribution."""
        found = self._points(key, now).setdefault(minute_of(now), Spread())
        if isinstance(found, Spread):
            found.add(value)

    def gauge(self, key: Key, minute: int, value: int) -> None:
        """Says what a gauge was in a minute."""
        self._points(key, minute)[minute] = value

    def last(self, key: Key) -> int | None:
        """The last minute of a series, or None."""
        return next(reversed(self.series.get(key, {})), None)

    def _points(self, key: Key, now: float) -> dict[int, Value]:
        points = self.series.setdefault(key, {})
        oldest = minute_of(now) - _KEPT_MINUTES * MINUTE
        while points and next(iter(points)) < oldest:
            del points[next(iter(points))]
        return points


def minute_of(seconds: float) -> int:
    """The second in which a time's minute begins."""
    return int(seconds // MINUTE) * MINUTE


def meter(sandbox: "Sandbox") -> Meter:
    """The meter of a sandbox."""
    found: Meter = sandbox.memory.setdefault("meter", Meter())
    return found
