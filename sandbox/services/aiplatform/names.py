"""Resource names of aiplatform, and the shapes that its operations have in each version."""

import base64
import hashlib
import json
import re
import secrets
from dataclasses import dataclass
from typing import Any, cast

from sandbox import discovery, schema
from sandbox.core import Sandbox
from sandbox.discovery import Document
from sandbox.errors import GoogleError, Json, bad_request, not_found
from sandbox.registry import Call

SERVICE = "aiplatform"
TYPES = "type.googleapis.com/google.cloud.aiplatform.v1."
ENDPOINT = "aiplatform.endpoint"
MODEL = "aiplatform.model"


@dataclass(frozen=True, slots=True)
class Name:
    """projects/{project}/locations/{location}/{collection}/{id}, the project as its number."""

    project: str
    location: str
    collection: str = ""
    id: str = ""

    @property
    def parent(self) -> str:
        """projects/NUMBER/locations/R."""
        return f"projects/{self.project}/locations/{self.location}"

    def __str__(self) -> str:
        return f"{self.parent}/{self.collection}/{self.id}" if self.collection else self.parent


def parse(sandbox: Sandbox, name: str, *, multi_regions: bool = False) -> Name:
    """The parts of a name, whose project may be given by id or number. 403 or 404 where project or location is none."""
    found = re.fullmatch(r"projects/([^/]+)/locations/([^/]+)(?:/([^/]+)/([^/]+))?(?:/.*)?", name)
    if found is None:
        raise not_found(f"Resource '{name}' was not found")
    project = sandbox.require_project(found.group(1), SERVICE)
    location = found.group(2)
    # Multi-regions serve Google's models alone, and have the operations on those.
    wide = ("global", "us", "eu") if multi_regions or "/publishers/" in name else ("global",)
    if location not in locations() and location not in wide:
        raise not_found(f"Location {location} is not found or access is unauthorized.")
    return Name(project["projectNumber"], location, found.group(3) or "", found.group(4) or "")


def locations() -> list[str]:
    """The regions that Vertex AI has, by its discovery document."""
    return [location for location in document("v1").locations if "-" in location]


def document(version: str) -> Document:
    """The discovery document of a version that exists."""
    return cast(Document, discovery.load(SERVICE, version))


def new_id() -> str:
    """An id as Google gives them: 18 or 19 digits."""
    return str(secrets.randbelow(9 * 10**18) + 10**18)


def shown(call: Call, kind: str, resource: Json) -> Json:
    """The resource ("Endpoint") as this call's version of the API has it."""
    prefix = f"GoogleCloudAiplatform{call.version.capitalize()}"
    return schema.fitting(document(call.version), prefix + kind, resource)


def started(call: Call, handler: str, name: str, seconds: float, args: Json, metadata: Json | None = None) -> Json:
    """Starts an operation and returns it as this call's version has it, which is kept with it as `args["version"]`."""
    args = {**args, "version": call.version}
    return operation_shown(call, call.sandbox.operations.start(handler, name, seconds, args, metadata))


def operation_shown(call: Call, operation: Json) -> Json:
    """An operation with the types and fields of this call's version."""
    result = dict(operation)
    for part in ("metadata", "response"):
        typed = result.get(part)
        if typed and typed["@type"].startswith(TYPES):
            kind = typed["@type"].removeprefix(TYPES)
            fields = shown(call, kind, typed)
            version = call.version.capitalize()
            schema.check_answer(document(call.version), f"GoogleCloudAiplatform{version}{kind}", fields)
            result[part] = {"@type": f"type.googleapis.com/google.cloud.aiplatform.{call.version}.{kind}", **fields}
    return result


def generic_metadata(sandbox: Sandbox, kind: str, **fields: Any) -> Json:
    """Metadata of an operation that starts now."""
    now = sandbox.clock.stamp()
    return {"@type": TYPES + kind, "genericMetadata": {"createTime": now, "updateTime": now}, **fields}


def etag(resource: Json) -> str:
    """A tag that changes with anything that a caller can change."""
    content = {key: value for key, value in resource.items() if key != "etag"}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    return "AMEw9y" + base64.urlsafe_b64encode(digest[:18]).decode()


def required(*missing: str) -> GoogleError:
    """Vertex AI's 400 for required fields (by their proto paths) that are not set."""
    lines = "".join(f"\t{n}.Field: {f}; Message: Required field is not set." for n, f in enumerate(missing, 1))
    violations = [(field, "Required field is not set.") for field in missing]
    return GoogleError(400, "INVALID_ARGUMENT", f"List of found errors:{lines}\t", [bad_request(violations)])


def check_required(call: Call, kind: str, value: Json, path: str = "") -> None:
    """400 where something below a message ("Endpoint") lacks what discovery calls required."""
    schema_name = f"GoogleCloudAiplatform{call.version.capitalize()}{kind}"
    missing = schema.missing(document(call.version), schema_name, value, path)
    if missing:
        raise required(*missing)


def wrong_field(field: str, message: str) -> GoogleError:
    """Vertex AI's 400 for one field (by its proto path)."""
    text = f"List of found errors:\t1.Field: {field}; Message: {message}\t"
    return GoogleError(400, "INVALID_ARGUMENT", text, [bad_request([(field, message)])])
