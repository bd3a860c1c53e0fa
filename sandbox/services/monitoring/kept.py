"""What the configuration resources of Cloud Monitoring share: names, permissions, masks, and who made them."""

import json
import secrets

from sandbox.errors import Json, invalid_argument, not_found
from sandbox.listing import apply_mask, mask_paths, page
from sandbox.registry import Call
from sandbox.services import filters, iam_policies


def project(call: Call, name: str, permission: str) -> Json:
    """The project at the start of a resource name, if the caller has the permission there.

    Monitoring takes workspaces/ID for projects/ID in some addresses; the sandbox knows projects alone.
    """
    found = call.sandbox.require_project(name.split("/")[1], "monitoring")
    iam_policies.require(call, f"projects/{found['projectId']}", permission)
    return found


def find(call: Call, kind: str, permission: str, parameter: str = "name") -> tuple[str, Json]:
    """The name under which a resource is kept, by the project's id, and the resource. 404 where there is none."""
    given = call.params[parameter]
    owner = project(call, given, permission)
    name = f"projects/{owner['projectId']}/{given.split('/', 2)[2]}"
    found = call.sandbox.store.get(kind, name)
    if found is None:
        raise not_found(f"Requested entity was not found: {given}.")
    return name, found


def remove(call: Call, kind: str, permission: str) -> Json:
    """Deletes a resource, and answers as Google does: with nothing. 404 where there is none."""
    name, _ = find(call, kind, permission)
    call.sandbox.store.delete(kind, name)
    return {}


def listed(call: Call, kind: str, key: str, parent: str, permission: str) -> Json:
    """The page of resources below `parent` that the filter and page token ask for."""
    owner = project(call, parent, permission)
    rest = parent.split("/", 2)[2:]
    prefix = "/".join([f"projects/{owner['projectId']}", *rest]) + "/"
    wanted = filters.compiled(call.query.get("filter", ""))
    items = [item for item in call.sandbox.store.list(kind, prefix).values() if wanted(item)]
    chosen, token = page(items, call.query, 1000, 1000, of=f"{call.method_id} {prefix}")
    answer: Json = {key: chosen} if chosen else {}
    return {**answer, "nextPageToken": token} if token else answer


def changed(call: Call, kept: Json, keep: tuple[str, ...]) -> Json:
    """The resource after a patch: the fields of `updateMask`, or all but those of `keep` where there is no mask."""
    mask = mask_paths(call.query.get("updateMask", ""))
    if not mask:
        return {**{name: kept[name] for name in keep if name in kept}, **without(call.body, keep)}
    result: Json = {**kept}
    for path in mask:
        if path.split(".")[0] in keep:
            raise invalid_argument(f"Field update_mask had an invalid value: {path} cannot be changed.")
        apply_mask(result, call.body, path)
    return result


def without(body: Json, names: tuple[str, ...]) -> Json:
    """The body without these fields, such as those that the service writes itself."""
    return {name: value for name, value in body.items() if name not in names}


def record(call: Call) -> Json:
    """A MutationRecord of now."""
    return {"mutateTime": call.sandbox.clock.stamp(), "mutatedBy": call.principal.email}


def enabled(call: Call) -> bool:
    """The field `enabled`, a BoolValue: false and left out differ, yet only the body as it came tells them apart."""
    given: Json = json.loads(call.raw_body or b"{}")
    return bool(given.get("enabled", True))


def number() -> str:
    """A new id as Monitoring makes them: 19 digits."""
    return str(10**18 + secrets.randbelow(8 * 10**18))
