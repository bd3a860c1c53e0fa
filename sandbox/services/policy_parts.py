"""What the parts of an access policy have in common: service perimeters and access levels."""

import re
from dataclasses import dataclass

from sandbox.errors import Json, invalid_argument


@dataclass(frozen=True)
class Part:
    """A kind of part: as the store has it, its collection in names, what it is called, without and with its article."""

    kind: str
    collection: str
    called: str
    one: str


PERIMETERS = Part("servicePerimeter", "servicePerimeters", "service perimeter", "a service perimeter")
LEVELS = Part("accessLevel", "accessLevels", "access level", "an access level")


def check_named(part: Part, policy: str, name: str, wanted: Json, others: dict[str, Json]) -> None:
    """Checks name and title of a part as it would be, among the others of its kind in the policy.

    Raises:
        GoogleError: 400 INVALID_ARGUMENT, for the first rule that it breaks.
    """
    if not re.fullmatch(re.escape(policy) + rf"/{part.collection}/[A-Za-z][A-Za-z0-9_]{{0,49}}", name):
        raise invalid_argument(
            f"{name!r} is no name of {part.one}: expected {policy}/{part.collection}/ID, the ID a letter and then"
            " letters, digits and underscores, 50 at most."
        )
    if not wanted.get("title"):
        raise invalid_argument(f"{part.one.capitalize()} must have a title.")
    twin = next((other for other, its in others.items() if its.get("title") == wanted["title"]), None)
    if twin:
        raise invalid_argument(f"The title {wanted['title']!r} is taken by {twin}; it must be unique in the policy.")
