"""How the client behaves: retries, breakers, bounds. The defaults are the article's where it names any."""

from dataclasses import dataclass, field
from pathlib import Path

TEMPERATURE, TOP_P, MAX_OUTPUT_TOKENS = 0.2, 0.95, 2048


class Unsaid:
    """Marks a number as a default, so that the environment gives way to the same number where code says it."""


class _UnsaidFloat(Unsaid, float):
    pass


class _UnsaidInt(Unsaid, int):
    pass


@dataclass(frozen=True, slots=True)
class Retry:
    """When the same route is asked again, and how long is waited before.

    Attributes:
        attempts: calls to one route in all, the first included.
        first_wait: seconds before the second attempt; doubled for each further one.
        longest_wait: seconds that a wait of ours never exceeds. The server's own RetryInfo or Retry-After may: no wait
            is shorter than that, and from the second one on it is up to a tenth longer.
        jitter: a random share of the wait that is added, 0.5 for up to half of it. Near longest_wait the wait spreads
            below it instead: between 40 and 60 s by the defaults.
        budget_share: retries that each call earns: 0.1 lets 10 % of all calls be retried.
        budget_reserve: retries that are there to begin with, and the most that can be saved up.
    """

    attempts: int = 5
    first_wait: float = 2.0
    longest_wait: float = 60.0
    jitter: float = 0.5
    budget_share: float = 0.1
    budget_reserve: float = 20.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """When a route is left alone.

    Attributes:
        failures: attempts in a row that fail with Unavailable, after which the breaker opens.
        open_seconds: how long it then stays open; after that one call at a time probes the route.
    """

    failures: int = 5
    open_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class DeveloperApiBounds:
    """What this client sends to the Gemini Developer API at most; calls over it are refused, not queued.

    Attributes:
        requests_per_minute: leaky bucket: so many at once, refilled evenly.
        concurrency: requests and open streams at a time; a call that waits for its next attempt is none.
    """

    requests_per_minute: float = _UnsaidFloat(600.0)
    concurrency: int = _UnsaidInt(64)


@dataclass(frozen=True, slots=True)
class Tls:
    """Which certificates are taken from an endpoint's own host; Google's shared hosts are always verified.

    Attributes:
        ca_file: certificates to trust as well, e.g. of a Private Service Connect endpoint.
        self_signed: True takes any certificate. The traffic can then be read by whoever can stand in between. False
            takes none, whatever the environment says; None, the default, leaves it to that.
    """

    ca_file: Path | None = None
    self_signed: bool | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that can be tuned. What is given here goes before the environment, also where it is the default.

    Attributes:
        deadline: seconds that a whole call may take, with its retries, waits and fallbacks; also of a stream.
            It counts from the first use of a stream, and a reader's own time between texts counts too.
        first_chunk_seconds: that one attempt may take to the first piece of a stream, or to the whole of an answer that
            is not streamed, while another route is left: then that one is asked, as after a 504. The last route has
            until the deadline, and so has a call with functions of the caller's. A route's own firstChunkSeconds goes
            before. The default leaves a fallback half
            of the default deadline; for streams of models that do not think for long, 10 to 20 do.
        connect_seconds: to open a connection.
        retry: see Retry.
        breaker: see Breaker.
        developer_api: see DeveloperApiBounds.
        tls: see Tls.
        fall_back_on_quota: also go to the next route on 429. Off, because a quota is a limit that somebody set:
            going around it moves cost to another bill, and hides that more throughput is needed.
        reload_seconds: how often, at most, the routes file is looked at.
    """

    deadline: float = _UnsaidFloat(120.0)
    first_chunk_seconds: float = _UnsaidFloat(60.0)
    connect_seconds: float = 10.0
    retry: Retry = field(default_factory=Retry)
    breaker: Breaker = field(default_factory=Breaker)
    developer_api: DeveloperApiBounds = field(default_factory=DeveloperApiBounds)
    tls: Tls = field(default_factory=Tls)
    fall_back_on_quota: bool = False
    reload_seconds: float = 1.0
