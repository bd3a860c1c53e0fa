"""Operations of the services that name theirs operations/…: kept under the service, since those names are alike."""

from sandbox.errors import Json, not_found
from sandbox.registry import Call, method


def start(call: Call, handler: str, name: str, args: Json, metadata: Json) -> Json:
    """Starts the operation `name` of the service that is called, and returns it as that service shows it."""
    seconds = call.sandbox.settings.operation_seconds
    started = call.sandbox.operations.start(handler, f"{call.service}/{name}", seconds, args, metadata)
    return {**started, "name": name}


@method("accesscontextmanager.operations.get", "servicenetworking.operations.get", "serviceusage.operations.get")
def get_operation(call: Call) -> Json:
    """A long-running operation."""
    found = call.sandbox.operations.get(f"{call.service}/{call.params['name']}")
    if found is None:
        raise not_found(f"Operation {call.params['name']} not found.")
    return {**found, "name": call.params["name"]}
