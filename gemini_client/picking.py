"""Which route a call takes: chance by weight, or always the same for a session."""

import hashlib
import math
from collections.abc import Sequence

from gemini_client.routes import Route


def pick(routes: Sequence[Route], session: str | None, chance: float) -> Route:
    """One of the routes.

    A session gets the route with the highest score −weight / ln(hash(session, route)) (weighted rendezvous hashing).
    A weight that rises draws sessions to its route and moves none between the others; the order in the file does not
    matter. With cumulative shares, every route behind the changed one would lose sessions to its neighbour.

    Args:
        routes: at least one; at least one with a weight, else all count the same.
        session: any text, or None for chance.
        chance: a number in [0, 1), used where there is no session.
    """
    weighted = [(route, route.weight) for route in routes if route.weight > 0] or [(route, 1.0) for route in routes]
    if session is not None:
        return max(weighted, key=lambda each: -each[1] / math.log(_hash(session, each[0].name)))[0]
    left = chance * sum(weight for _, weight in weighted)
    for route, weight in weighted:
        left -= weight
        if left < 0:
            return route
    return weighted[-1][0]


def _hash(session: str, name: str) -> float:
    """A number strictly between 0 and 1 that depends on both alone; 52 bits, so that no rounding makes it 1."""
    digest = hashlib.blake2b(f"{len(session)}:{session}{name}".encode(), digest_size=8).digest()
    return ((int.from_bytes(digest) >> 12) + 0.5) / 2.0**52
