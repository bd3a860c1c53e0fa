"""python -m sandbox faults add|list|clear: the faults of a running sandbox, from the command line."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from sandbox.errors import Json
from sandbox.lifecycle import DEFAULT_STATE, CommandError, require_served


def faults(verb: str, orders: Sequence[Json], state: Path | None) -> str:
    """Does what the command says and returns what it prints: a line for each fault that is then ordered.

    Args:
        verb: add, list or clear.
        orders: the faults to add, as JSON.
        state: of the sandbox that is meant; None for the one around this command ($SANDBOX_URL), else the default's.

    Raises:
        CommandError: none is running, or it refuses a fault, in its own words.
    """
    if bool(orders) != (verb == "add"):
        wanted = "needs at least one fault, e.g. 'method=*.predict,nth=2,status=503'"
        raise CommandError(f"faults {verb} {wanted if verb == 'add' else 'takes no fault'}.")
    around = os.environ.get("SANDBOX_URL", "") if state is None else ""
    url = around or require_served(state or DEFAULT_STATE)["url"]
    method = {"add": "POST", "list": "GET", "clear": "DELETE"}[verb]
    ordered = _asked(f"{url}/_sandbox/faults", method, list(orders) if verb == "add" else None)["faults"]
    return "\n".join(map(_line, ordered)) or "No faults are ordered."


def _asked(url: str, method: str, body: list[Json] | None) -> Json:
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), method=method)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            found: Json = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise CommandError(json.loads(error.read())["error"]["message"]) from None
    except (OSError, ValueError) as error:
        raise CommandError(f"The sandbox on {url.partition('/_sandbox')[0]} does not answer: {error}.") from None
    return found


def _line(fault: Json) -> str:
    """A fault as the command line takes it, and how many calls it has seen and struck."""
    given = {name: value for name, value in fault.items() if name not in ("seen", "struck")}
    order = ",".join(f"{name}={_text(value)}" for name, value in given.items())
    return f"{order}  seen {fault['seen']}, struck {fault['struck']}"


def _text(value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, int) for each in value):
        return "+".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
