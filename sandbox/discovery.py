"""Google's discovery documents, as google-api-python-client ships them: routes, parameters, schemas.

A document is read once per revision and kept in the cache folder without its prose (a tenth of its size). Schemas stay
as JSON text until a request needs them, which keeps the 4 MB documents out of the sandbox's memory.
"""

import functools
import importlib.util
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sandbox.errors import Json

_FORMAT = 3
_OWN_DOCUMENTS = Path(__file__).parent / "documents"
_KEPT = {"$ref", "type", "format", "enum", "readOnly", "repeated", "location", "pattern", "required"}


@dataclass(frozen=True, slots=True)
class Method:
    """One API method: `id` as in discovery ("aiplatform.projects.locations.endpoints.get"), the schemas by name."""

    id: str
    http_method: str
    template: str
    parameters: dict[str, Json]
    request: str | None
    response: str | None
    service: str = ""
    version: str = ""

    @property
    def name(self) -> str:
        """The last part of the id: "get"."""
        return self.id.rpartition(".")[2]


@functools.cache
def documents_folder() -> Path:
    """Where google-api-python-client keeps its documents, found without importing it."""
    spec = importlib.util.find_spec("googleapiclient")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("google-api-python-client is not installed: run `make setup`, which installs it.")
    return Path(spec.submodule_search_locations[0]) / "discovery_cache" / "documents"


def _sources(pattern: str) -> list[Path]:
    """The documents of this name that Google's client ships, then those that the sandbox brings for what it lacks."""
    return [found for folder in (documents_folder(), _OWN_DOCUMENTS) for found in folder.glob(pattern)]


def cache_folder() -> Path:
    """Where compiled documents are kept: $SANDBOX_CACHE, else the user's cache folder, else the temporary one."""
    chosen = os.environ.get("SANDBOX_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(chosen) if chosen else Path(base) / "gemini-vertex" / "discovery"


class Document:
    """One service in one version: finds the method of a request, and hands out schemas."""

    def __init__(self, compiled: Json, service: str, version: str) -> None:
        self.service = service
        self.version = version
        self.title: str = compiled["title"]
        self.revision: str = compiled["revision"]
        self.locations: list[str] = compiled["locations"]
        self.common_parameters: dict[str, Json] = compiled["parameters"]
        self._schemas: dict[str, str] = compiled["schemas"]
        self._parsed: dict[str, Json] = {}
        self._routes: dict[tuple[str, int, str], list[list[Any]]] = {}
        self._open_ended: list[list[Any]] = []
        self._verbs = {_verb(row[2]) for row in compiled["methods"]}
        for row in compiled["methods"]:
            http_method, template, segments = row[1], row[2], row[3]
            verb = _verb(template)
            if segments < 0:
                self._open_ended.append(row)
            else:
                self._routes.setdefault((http_method, segments, verb), []).append(row)

    def schema(self, name: str) -> Json:
        """The schema `name`: its type and properties, without descriptions. KeyError where there is none."""
        found = self._parsed.get(name)
        if found is None:
            found = self._parsed[name] = json.loads(self._schemas[name])
        return found

    def has_schema(self, name: str) -> bool:
        """Whether the document knows this schema."""
        return name in self._schemas

    def match(self, http_method: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """The method that serves this path (without a leading slash, from the version on) and its path parameters.

        A slash inside one segment is written %2F in `path`; the parameters have it decoded.
        """
        verb = _verb(path)
        candidates = list(self._routes.get((http_method, path.count("/") + 1, verb), []))
        if verb not in self._verbs:  # A colon may also be part of a name: projects/example.com:shop.
            candidates += self._routes.get((http_method, path.count("/") + 1, ""), [])
        for row in candidates + [r for r in self._open_ended if r[1] == http_method and _verb(r[2]) in ("", verb)]:
            found = _pattern(row[2], json.dumps(row[4])).fullmatch(path)
            if found:
                method = Method(row[0], row[1], row[2], row[4], row[5], row[6], self.service, self.version)
                names = _names(row[2])
                return method, {n: v.replace("%2F", "/") for n, v in zip(names, found.groups(), strict=True)}
        return None

    def methods(self) -> Iterator[Method]:
        """All methods of the document."""
        for row in [*(r for rows in self._routes.values() for r in rows), *self._open_ended]:
            yield Method(row[0], row[1], row[2], row[4], row[5], row[6], self.service, self.version)


@functools.cache
def is_service(service: str) -> bool:
    """Whether there is a document of any version of the service."""
    return bool(re.fullmatch(r"[a-z0-9]+", service) and _sources(f"{service}.v*.json"))


@functools.cache
def load(service: str, version: str) -> Document | None:
    """The document of e.g. ("aiplatform", "v1"), or None where there is none."""
    if not re.fullmatch(r"[a-z0-9]+", service) or not re.fullmatch(r"v\d+\w*", version):
        return None
    sources = _sources(f"{service}.{version}.json")
    if not sources:
        return None
    text = sources[0].read_text(encoding="utf-8")
    revision = cast(re.Match[str], re.search(r'"revision":\s*"(\w*)"', text)).group(1)
    cached = cache_folder() / f"{service}.{version}-{revision}-{len(text)}-{_FORMAT}.json"
    try:
        compiled = json.loads(cached.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        compiled = compile_document(json.loads(text))
        _keep(cached, compiled)
    return Document(compiled, service, version)


def compile_document(document: Json) -> Json:
    """What the sandbox needs of a discovery document, ready to be kept as JSON."""
    methods = []
    for method in _walk(document):
        template = _versioned(document.get("servicePath", "") + method["path"], document["version"])
        flat = _versioned(document.get("servicePath", "") + method.get("flatPath", method["path"]), document["version"])
        parameters = {n: _strip(p) for n, p in method.get("parameters", {}).items()}
        open_ended = any(".*" in p.get("pattern", "") for p in parameters.values())
        segments = -1 if open_ended else flat.count("/") + 1
        request, response = method.get("request", {}).get("$ref"), method.get("response", {}).get("$ref")
        methods.append([method["id"], method["httpMethod"], template, segments, parameters, request, response])
    return {
        "revision": document["revision"],
        "title": document["title"],
        "locations": sorted({endpoint["location"] for endpoint in document.get("endpoints", [])}),
        "parameters": {n: _strip(p) for n, p in document.get("parameters", {}).items()},
        "methods": methods,
        "schemas": {
            name: json.dumps(_strip(schema), separators=(",", ":"))
            for name, schema in document.get("schemas", {}).items()
        },
    }


def _strip(schema: Json) -> Json:
    kept = {key: value for key, value in schema.items() if key in _KEPT}
    if schema.get("description", "").startswith("Output only"):
        kept["readOnly"] = True
    if schema.get("description", "").startswith("Required."):
        kept["required"] = True
    if "properties" in schema:
        kept["properties"] = {name: _strip(value) for name, value in schema["properties"].items()}
    for key in ("items", "additionalProperties"):
        if key in schema:
            kept[key] = _strip(schema[key])
    return kept


def _walk(resource: Json) -> Iterator[Json]:
    yield from resource.get("methods", {}).values()
    for child in resource.get("resources", {}).values():
        yield from _walk(child)


def _versioned(path: str, version: str) -> str:
    """The path from the version on: compute's "compute/v1/projects/…" becomes "v1/projects/…"."""
    head, found, rest = path.partition(f"{version}/")
    return f"{version}/{rest}" if found and head.count("/") <= 1 else path


def _verb(path: str) -> str:
    """The custom method at the end of a path: "predict" of "v1/{+endpoint}:predict"."""
    return path.rpartition("/")[2].rpartition(":")[2] if ":" in path.rpartition("/")[2] else ""


def _names(template: str) -> list[str]:
    return re.findall(r"\{\+?(\w+)\}", template)


@functools.lru_cache(maxsize=512)
def _pattern(template: str, parameters_json: str) -> re.Pattern[str]:
    parameters = json.loads(parameters_json)

    def group(match: re.Match[str]) -> str:
        pattern = parameters.get(match.group(1), {}).get("pattern") or "^[^/]+$"
        return "(" + pattern.removeprefix("^").removesuffix("$").replace("(", "(?:").replace("(?:?:", "(?:") + ")"

    parts = re.split(r"(\{\+?\w+\})", template)
    return re.compile("".join(re.sub(r"\{\+?(\w+)\}", group, p) if p.startswith("{") else re.escape(p) for p in parts))


def _keep(file: Path, compiled: Json) -> None:
    """Writes the cache whole, as two sandboxes may start at once; without a cache all still works."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as out:
            json.dump(compiled, out, separators=(",", ":"))
        Path(out.name).replace(file)
    except OSError:
        return
