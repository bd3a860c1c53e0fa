"""get, list, wait, cancel and delete of aiplatform's operations, under a location, an endpoint or a model."""

from sandbox import listing
from sandbox.core import Sandbox
from sandbox.errors import Json, failed_precondition, not_found
from sandbox.operations import KIND
from sandbox.registry import Call, method, not_imitated
from sandbox.services.aiplatform.names import operation_shown, parse

_PARENTS = (
    "aiplatform.projects.locations.operations.",
    "aiplatform.projects.locations.endpoints.operations.",
    "aiplatform.projects.locations.models.operations.",
)
_LONGEST_WAIT = 60.0


def _methods(name: str) -> list[str]:
    return [parent + name for parent in _PARENTS]


def _find(sandbox: Sandbox, given: str) -> Json:
    """The operation of a name; below a location alone, as gcloud asks, all operations of the location are found."""
    parsed, _, operation_id = given.rpartition("/operations/")
    name = parse(sandbox, parsed, multi_regions=True)
    found = sandbox.operations.get(f"{name}/operations/{operation_id}")
    if found is None and not name.collection:
        below = sandbox.store.list(KIND, f"{name.parent}/")
        full = next((each for each in below if each.endswith(f"/operations/{operation_id}")), "")
        found = sandbox.operations.get(full)
    if found is None:
        raise not_found(f"Operation {name}/operations/{operation_id} is not found.")
    return found


@method(*_methods("get"))
def get(call: Call) -> Json:
    """The operation as it is now."""
    return operation_shown(call, _find(call.sandbox, call.params["name"]))


@method(*_methods("list"))
def list_operations(call: Call) -> Json:
    """The operations of a location, or of one endpoint or model, newest first."""
    if call.query.get("filter"):
        # Discovery and the REST reference say "The standard list filter." and no more; gcloud sends none.
        raise not_imitated(call, "the filter, for which Google documents neither fields nor operators,")
    parent = parse(call.sandbox, call.params["name"])
    chosen, token = listing.page(call.sandbox.operations.list(f"{parent}/"), call.query, of=str(parent))
    answer: Json = {"operations": [operation_shown(call, operation) for operation in chosen]} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


@method(*_methods("wait"))
async def wait(call: Call) -> Json:
    """The operation once it is done, or as it is when the timeout has passed."""
    clock, asked = call.sandbox.clock, call.query.get("timeout", "")
    until = clock.now() + min(float(asked.rstrip("s")) if asked else _LONGEST_WAIT, _LONGEST_WAIT)
    operation = _find(call.sandbox, call.params["name"])
    while not operation.get("done") and clock.now() < until:
        await clock.sleep(min(0.05, max(until - clock.now(), 0.001)))
        call.sandbox.operations.advance()
        operation = _find(call.sandbox, call.params["name"])
    return operation_shown(call, operation)


@method(*_methods("cancel"))
def cancel(call: Call) -> Json:
    """Ends a running operation without its change; a finished one stays as it is."""
    call.sandbox.operations.cancel(_find(call.sandbox, call.params["name"])["name"])
    return {}


@method(*_methods("delete"))
def delete(call: Call) -> Json:
    """Forgets a finished operation."""
    operation = _find(call.sandbox, call.params["name"])
    if not operation.get("done"):
        raise failed_precondition(
            f"Operation {operation['name']} is still running. Cancel it or wait until it is done."
        )
    call.sandbox.operations.delete(operation["name"])
    return {}
