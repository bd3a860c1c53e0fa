"""Lists in pages, as Google's APIs give them: `pageSize`, `pageToken`, `nextPageToken`."""

from sandbox import listing
from sandbox.errors import Json
from sandbox.registry import Call


def page(call: Call, key: str, items: list[Json], default: int = 100, most: int = 1000) -> Json:
    """The page of `items` that the call asks for, under `key`; an empty list is left out, as Google leaves it out.

    Raises:
        GoogleError: 400 for a negative pageSize or a pageToken that this list did not give.
    """
    asked = {name: str(value) for name, value in {**call.body, **call.query}.items()}
    asked.setdefault("pageSize", asked.get("maxResults", ""))  # compute's name for it
    shown, following = listing.page(items, asked, default, most, of=f"{call.method_id} {sorted(call.params.items())}")
    answer: Json = {key: shown} if shown else {}
    return {**answer, "nextPageToken": following} if following else answer
