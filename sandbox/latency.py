"""How long answers take under the latency profile "realistic".

The figures are of the order that a client in the endpoint's own region sees; they are estimates, not measurements.
Every call draws its own, by the sandbox's seed and the call's number, so that a repeated run takes as long again.
"""

import random
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

from sandbox.clock import Clock

_PREDICTION = re.compile(r"\.(predict|rawPredict|generateContent|completions|serverStreamingPredict)$")
_STREAM = re.compile(r"\.(streamRawPredict|streamGenerateContent)$")
# Median seconds, of a distribution with a long tail.
_MEDIANS = {"read": 0.06, "change": 0.25, "prediction": 0.45, "first chunk": 0.35}
_SPREAD = 0.3
_BETWEEN_CHUNKS = 0.04


def first(method: str, *, mutating: bool, seed: str) -> float:
    """Seconds before a call's answer begins."""
    kind = "change" if mutating else "read"
    kind = "prediction" if _PREDICTION.search(method) else "first chunk" if _STREAM.search(method) else kind
    return _MEDIANS[kind] * random.Random(seed).lognormvariate(0, _SPREAD)  # noqa: S311 - no secret


async def paced(chunks: Any, clock: Clock, wait: Callable[[], bool]) -> AsyncIterator[Any]:
    """The chunks of a stream at a model's pace, for as long as `wait` says so."""
    began = False
    async for chunk in chunks:
        if began and wait():
            await clock.sleep(_BETWEEN_CHUNKS)
        began = True
        yield chunk
