"""Tells the application which models it may call, where, and with which share: a document, and a ConfigMap of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pulumi

from components.advice import advise
from components.manifest_file import write_manifest

if TYPE_CHECKING:
    from pulumi_kubernetes import Provider

FILE_NAME = "routes.json"
MOUNTED_AT = "/etc/gemini"


@dataclass(frozen=True, kw_only=True)
class ManagedRoute:
    """A Gemini model that Google serves without an endpoint (`publishers.models.generateContent`).

    - `name`: unique among the routes; `model`: Google's id, such as gemini-3.8-flash.
    - `location`: global, us, eu or a region.
    - `weight`: percent of the traffic; 0 for a route that is only fallen back to.
    - `throughput`: `dedicated` takes purchased Provisioned Throughput alone (429 beyond it), `shared` none of it;
      default None: Google's own way, purchased first, then shared.
    - `fallback_order`: the place among the routes when another one fails, 1 first.
    """

    name: pulumi.Input[str]
    model: pulumi.Input[str]
    location: pulumi.Input[str]
    weight: pulumi.Input[int]
    fallback_order: pulumi.Input[int]
    throughput: Literal["dedicated", "shared"] | None = None


@dataclass(frozen=True, kw_only=True)
class EndpointRoute:
    """All models on one endpoint, between which Google splits.

    - `endpoint`: projects/…/locations/…/endpoints/…; `host`: what predictions are sent to, without scheme.
    - `location`: its region.
    - `api`: how its models are called; `scheme`: http only inside a network of one's own.
    - `models`: name of each deployed model by its id, so that an answer can say who gave it.
    - `name`, `weight`, `fallback_order`: as of a `ManagedRoute`; the weight is that of all its models together.
    """

    name: pulumi.Input[str]
    endpoint: pulumi.Input[str]
    location: pulumi.Input[str]
    host: pulumi.Input[str]
    api: Literal["generateContent", "predict", "rawPredict", "chatCompletions"]
    weight: pulumi.Input[int]
    fallback_order: pulumi.Input[int]
    scheme: Literal["http", "https"] = "https"
    models: pulumi.Input[Mapping[str, str]] | None = None


@dataclass(frozen=True, kw_only=True)
class DeveloperApi:
    """The Gemini Developer API, asked when every route fails.

    - `model`: the id of a Gemini model.
    - `key_secret`: projects/P/secrets/S/versions/V of Secret Manager, which holds its key; default None: the
      application has it from elsewhere, such as a mounted Kubernetes Secret.
    - `requests_per_minute`, `concurrency`: the most calls that each process of the application makes to it, and has
      under way; default None: the client's own, 600 and 64.
    """

    model: str
    key_secret: pulumi.Input[str] | None = None
    requests_per_minute: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, kw_only=True)
class ClientRoutesArgs:
    """The routes, and where the application finds them.

    - `project`: the project's id.
    - `routes`: weights add up to 100.
    - `developer_api`: the last resort; default None: there is none.
    - `namespace`: of the application; `name`: of the ConfigMap, default `gemini-routes`.
    - `cluster`: a Kubernetes provider to apply the ConfigMap with, whose `enable_config_map_mutable` is set, or each
      change would delete it first; default None: it is only rendered.
    - `path`: a file that `pulumi up` writes it to where no cluster is given; default None: no file.
    """

    project: pulumi.Input[str]
    routes: Sequence[ManagedRoute | EndpointRoute]
    namespace: pulumi.Input[str]
    developer_api: DeveloperApi | None = None
    name: str = "gemini-routes"
    cluster: "Provider | None" = None
    path: Path | None = None


class ClientRoutes(pulumi.ComponentResource):
    """The routes document, in the order of fallback, as `gemini_client` reads it. A pod that mounts the ConfigMap as a
    folder (not by subPath) sees a change within a minute, and needs no restart.

    Outputs: `document`, `manifest` (the ConfigMap's YAML, whether it was applied or not), and `environment`: what
    the application's environment needs to find the mounted file.
    """

    def __init__(self, name: str, args: ClientRoutesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:ClientRoutes", name, None, opts)
        last_resort = _last_resort(args.developer_api) if args.developer_api else {}
        known = pulumi.Output.all(args.project, last_resort, *[_fields(route) for route in args.routes])
        self.document = known.apply(lambda parts: document(parts[0], parts[2:], parts[1]))
        config_map = pulumi.Output.all(self.document, args.namespace).apply(
            lambda parts: _config_map(args.name, parts[1], parts[0])
        )
        self.manifest = config_map.apply(_yaml)
        self.environment = {"GEMINI_ROUTES_FILE": f"{MOUNTED_AT}/{FILE_NAME}"}
        if args.cluster is not None:
            from pulumi_kubernetes.core.v1 import ConfigMap
            from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

            ConfigMap(
                name,
                metadata=ObjectMetaArgs(name=args.name, namespace=args.namespace),
                data=config_map["data"],
                opts=pulumi.ResourceOptions(parent=self, provider=args.cluster, hooks=advise(f"{name}-advice", self)),
            )
        elif args.path is not None:
            write_manifest(args.path, self.manifest)
        self.register_outputs({"document": self.document, "manifest": self.manifest})


def document(project: str, routes: Sequence[Mapping[str, Any]], developer_api: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 of the routes document: JSON in camelCase, routes in the order of fallback."""
    fallback = {"developerApi": dict(developer_api)} if developer_api else {}
    ordered = sorted((dict(route) for route in routes), key=lambda route: int(route["fallbackOrder"]))
    return {"version": 1, "project": project, "routes": ordered, **fallback}


def _last_resort(wanted: DeveloperApi) -> dict[str, pulumi.Input[Any]]:
    fields: dict[str, pulumi.Input[Any] | None] = {
        "model": wanted.model,
        "keySecret": wanted.key_secret,
        "requestsPerMinute": wanted.requests_per_minute,
        "concurrency": wanted.concurrency,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _fields(route: ManagedRoute | EndpointRoute) -> dict[str, pulumi.Input[Any]]:
    fields: dict[str, pulumi.Input[Any]] = {
        "name": route.name,
        "location": route.location,
        "weight": pulumi.Output.from_input(route.weight).apply(int),
        "fallbackOrder": pulumi.Output.from_input(route.fallback_order).apply(int),
    }
    if isinstance(route, ManagedRoute):
        throughput = {"throughput": route.throughput} if route.throughput else {}
        return {"serving": "managed", "model": route.model, **fields, **throughput}
    return {
        "serving": "endpoint",
        "endpoint": route.endpoint,
        "host": route.host,
        "api": route.api,
        "scheme": route.scheme,
        "models": route.models or {},
        **fields,
    }


def _config_map(name: str, namespace: str, routes: Mapping[str, Any]) -> dict[str, Any]:
    import json

    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {FILE_NAME: json.dumps(routes, indent=2, sort_keys=True) + "\n"},
    }


def _yaml(manifest: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(manifest), sort_keys=False, width=1000, default_style=None)
    return text
