"""Rules on what serves: endpoints, models, replicas, the perimeter, protection."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from model_catalogue import Catalogue, Model, gemini_id, looks_experimental, looks_preview
from policy.rule import (
    CONFIG_MAP,
    DEPLOYED_MODEL,
    ENDPOINT,
    PERIMETER,
    STACK,
    TRAFFIC_SPLIT,
    Context,
    Resource,
    Violation,
)

LEAST_REPLICAS: Final = 2
PRIMARY_SHARE: Final = 50
"""Percent of the stack's traffic from which a model counts as primary: then its replicas are mandatory."""

_PROTECTED: Final = {ENDPOINT: "endpoint", TRAFFIC_SPLIT: "traffic split", PERIMETER: "perimeter"}
_ROUTES_KEY: Final = "routes.json"


def no_public_endpoint_in_prod(resource: Resource, context: Context) -> Iterator[str]:
    """The article's step 2: never in production."""
    if resource.type != ENDPOINT or context.environment != "prod":
        return
    connect = resource.properties.get("privateServiceConnectConfig")
    private = isinstance(connect, Mapping) and connect.get("enablePrivateServiceConnect") is not False
    # a network that is not known yet is there all the same
    if not private and not resource.properties.get("network"):
        yield (
            f"{resource.name} answers on the internet: set gemini-vertex:endpoint.connectivity to "
            "private-service-connect, or to peered-network for a single model."
        )


def stable_models(resource: Resource, context: Context) -> Iterator[str]:
    """Neither experimental nor retired anywhere, nor a preview in prod."""
    for model in _gemini_models(resource):
        known = Catalogue.load().models.get(model)
        problem = _problem(model, known, context)
        if problem:
            yield f"{resource.name} serves {model}, {problem}: {_move(known, context)}."


def models_that_stay(resource: Resource, context: Context) -> Iterator[str]:
    """A model whose last day is near."""
    for model in _gemini_models(resource):
        known = Catalogue.load().models.get(model)
        warning = known.warning_on(context.today) if known else None
        if warning:
            yield f"{resource.name}: {warning}."


def replicas_of_primary_in_prod(resources: Sequence[Resource], context: Context) -> Iterator[Violation]:
    """Of models with at least half of the traffic."""
    for resource, share in _too_few_replicas(resources, context):
        if share >= PRIMARY_SHARE:
            yield Violation(_more_replicas(resource, share), resource.urn)


def replicas_of_others_in_prod(resources: Sequence[Resource], context: Context) -> Iterator[Violation]:
    """Of models with less than half of the traffic, such as the article's fallback."""
    for resource, share in _too_few_replicas(resources, context):
        if share < PRIMARY_SHARE:
            yield Violation(_more_replicas(resource, share), resource.urn)


def perimeter_in_prod(resources: Sequence[Resource], context: Context) -> Iterator[Violation]:
    """There is one, and it restricts Vertex AI, be it in dry-run."""
    if context.environment != "prod" or len(resources) < 2:
        return
    perimeters = [resource for resource in resources if resource.type == PERIMETER]
    how = "`pulumi config set --path gemini-vertex:perimeter.mode dry-run`"
    if not perimeters:
        yield Violation(f"The stack has no VPC Service Controls perimeter: {how}.")
    for perimeter in perimeters:
        parts = [perimeter.properties.get(part) for part in ("spec", "status")]
        restricted = [part.get("restrictedServices") for part in parts if isinstance(part, Mapping)]
        known = [services for services in restricted if isinstance(services, Sequence)]
        if len(known) == len(restricted) and not any("aiplatform.googleapis.com" in services for services in known):
            yield Violation(f"{perimeter.name} does not restrict aiplatform.googleapis.com: {how}.", perimeter.urn)


def protected_in_prod(resource: Resource, context: Context) -> Iterator[str]:
    """Advisory, because lifting it is an update too, and the step before a destroy that is meant."""
    if context.environment == "prod" and resource.type in _PROTECTED and not resource.protected:
        yield (
            f"The {_PROTECTED[resource.type]} {resource.name} can be deleted: `pulumi config rm gemini-vertex:protect` "
            "and `pulumi up`, unless it is about to be."
        )


def _problem(model: str, known: Model | None, context: Context) -> str:
    lifecycle = known.lifecycle_on(context.today) if known else None
    if lifecycle == "retired" and known:
        return f"retired on {known.retirement.isoformat()}" if known.retirement else "which is retired"
    if lifecycle == "experimental" or looks_experimental(model):
        return "which is experimental and can vanish without notice"
    if context.environment == "prod" and (lifecycle == "preview" or looks_preview(model)):
        return "which is a preview"
    return ""


def _move(known: Model | None, context: Context) -> str:
    catalogue = Catalogue.load()
    stable = ", ".join(catalogue.stable(context.today)[:3])
    to = f"move to {known.successor}" if known and known.successor else f"move to a stable model ({stable})"
    return f"{to} (models.yaml as of {catalogue.as_of.isoformat()})"


def _gemini_models(resource: Resource) -> list[str]:
    """The ids of Google's Gemini models that this resource serves or sends requests to, each once."""
    named: list[str] = []
    if resource.type == DEPLOYED_MODEL:
        named = [resource.text("model")]
    elif resource.type == CONFIG_MAP and (routes := _routes(resource.text("data", _ROUTES_KEY))):
        listed = [route.get("model") for route in routes.get("routes", []) if route.get("serving") == "managed"]
        named = [str(model) for model in (*listed, (routes.get("developerApi") or {}).get("model")) if model]
    return list(dict.fromkeys(gemini for model in named if (gemini := gemini_id(model))))


def _routes(text: str) -> dict[str, Any]:
    """A routes file, {} where the text is none."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("routes"), list) else {}


def _too_few_replicas(resources: Sequence[Resource], context: Context) -> Iterator[tuple[Resource, float]]:
    """The models on machines of their own that keep too few of them, with their share of the traffic in percent."""
    if context.environment != "prod":
        return
    shares = _shares(resources)
    for resource in resources:
        replicas = resource.properties.get("minReplicaCount")
        if resource.type == DEPLOYED_MODEL and isinstance(replicas, int | float) and replicas < LEAST_REPLICAS:
            # without a split, as on a peered endpoint, one model gets it all
            yield resource, shares.get(resource.text("deployedModelId"), shares.get(resource.text("displayName"), 100))


def _shares(resources: Sequence[Resource]) -> dict[str, float]:
    """Percent of the stack's traffic by deployed model id, and by the name that the split gives it."""
    weight = _weight_of_endpoints(resources)
    shares: dict[str, float] = {}
    for split in resources:
        targets = split.properties.get("targets") if split.type == TRAFFIC_SPLIT else None
        for name, target in targets.items() if isinstance(targets, Mapping) else ():
            if isinstance(target, Mapping) and isinstance(target.get("percent"), int | float):
                share = target["percent"] * weight / 100
                shares[name] = share
                if isinstance(target.get("deployedModelId"), str):
                    shares[target["deployedModelId"]] = share
    return shares


def _weight_of_endpoints(resources: Sequence[Resource]) -> float:
    """Percent of the traffic that the client sends to endpoints; the rest goes to Google's managed API."""
    for stack in resources:
        routes = stack.properties.get("routes") if stack.type == STACK else None
        listed = routes.get("routes") if isinstance(routes, Mapping) else routes
        known = [route for route in listed if isinstance(route, Mapping)] if isinstance(listed, Sequence) else []
        weights = [route["weight"] for route in known if route.get("serving") == "endpoint" and "weight" in route]
        if weights and all(isinstance(weight, int | float) for weight in weights):
            return float(sum(weights))
    return 100.0


def _more_replicas(resource: Resource, share: float) -> str:
    return (
        f"{resource.name} has {share:g} % of the traffic and keeps {resource.properties['minReplicaCount']:g} replica: "
        f"set its minReplicaCount in gemini-vertex:models to {LEAST_REPLICAS} or more."
    )
