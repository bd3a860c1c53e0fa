"""Rules on what serves: endpoints, models, replicas, the perimeter, protection."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from model_catalogue import Catalogue, Model, gemini_id, looks_experimental, looks_preview
from policy.rule import (
    ALERT_POLICY,
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
"""Percent of the stack's traffic from which a model is primary, as is the largest: then its replicas are mandatory."""

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
    model = gemini_id(resource.text("model")) if resource.type == DEPLOYED_MODEL else None
    if model and (problem := _problem(model, context)):
        yield f"{resource.name} serves {problem}"


def stable_routes(resources: Sequence[Resource], context: Context) -> Iterator[Violation]:
    """The same for models that the client calls without a deployment: managed ones, and the Developer API's."""
    for name, model in _routed_models(resources).items():
        if problem := _problem(model, context):
            yield Violation(f"The route {name} leads to {problem}")


def models_that_stay(resources: Sequence[Resource], context: Context) -> Iterator[Violation]:
    """A model whose last day is near."""
    deployed = [each for each in resources if each.type == DEPLOYED_MODEL]
    served = [(each.name, gemini_id(each.text("model")), each.urn) for each in deployed]
    for name, model, urn in (*served, *((name, model, "") for name, model in _routed_models(resources).items())):
        known = Catalogue.load().models.get(model) if model else None
        if known and (warning := known.warning_on(context.today)):
            yield Violation(f"{name}: {warning}.", urn)


def replicas_of_primary_in_prod(resources: Sequence[Resource], context: Context) -> Iterator[Violation]:
    """Of models with at least half of the traffic, and of those with the most."""
    for resource, share in _too_few_replicas(resources, context):
        if share >= _primary_from(resources):
            yield Violation(_more_replicas(resource, share), resource.urn)


def replicas_of_others_in_prod(resources: Sequence[Resource], context: Context) -> Iterator[Violation]:
    """Of all other models, such as the article's fallback."""
    for resource, share in _too_few_replicas(resources, context):
        if share < _primary_from(resources):
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


def observed_in_prod(resources: Sequence[Resource], context: Context) -> Iterator[Violation]:
    """What serves has alert policies, and they tell somebody."""
    if context.environment != "prod" or not (_routed_models(resources) or any(r.type == ENDPOINT for r in resources)):
        return
    told = [
        alert.properties.get("notificationChannels")
        for alert in resources
        if alert.type == ALERT_POLICY and alert.properties.get("enabled") is not False
    ]
    how = "`pulumi config set --path 'gemini-vertex:observability.notify[0]' YOUR_ADDRESS`"
    if not told:
        yield Violation(f"The stack has no alert policy: {how}.")
    elif not any(told):
        yield Violation(f"The stack's alert policies tell nobody: {how}.")


def protected_in_prod(resource: Resource, context: Context) -> Iterator[str]:
    """Advisory, because lifting it is an update too, and the step before a destroy that is meant."""
    if context.environment == "prod" and resource.type in _PROTECTED and not resource.protected:
        yield (
            f"The {_PROTECTED[resource.type]} {resource.name} can be deleted: `pulumi config rm gemini-vertex:protect` "
            "and `pulumi up`, unless it is about to be."
        )


def _problem(model: str, context: Context) -> str:
    """What is wrong with a Gemini id and what to move to, "" where nothing is."""
    known = Catalogue.load().models.get(model)
    lifecycle = known.lifecycle_on(context.today) if known else None
    if lifecycle == "retired" and known:
        what = f"retired on {known.retirement.isoformat()}" if known.retirement else "which is retired"
    elif lifecycle == "experimental" or looks_experimental(model):
        what = "which is experimental and can vanish without notice"
    elif context.environment == "prod" and (lifecycle == "preview" or looks_preview(model)):
        what = "which is a preview"
    else:
        return ""
    return f"{model}, {what}: {_move(known, context)}."


def _move(known: Model | None, context: Context) -> str:
    catalogue = Catalogue.load()
    stable = ", ".join(catalogue.stable(context.today)[:3])
    to = f"move to {known.successor}" if known and known.successor else f"move to a stable model ({stable})"
    return f"{to} (models.yaml as of {catalogue.as_of.isoformat()})"


def _routed_models(resources: Sequence[Resource]) -> dict[str, str]:
    """The Gemini ids that the client calls without a deployment, by the route's name."""
    found: dict[str, str] = {}
    for document in _routes(resources):
        developer_api = document.get("developerApi")
        named = {"developerApi": developer_api} if isinstance(developer_api, Mapping) else {}
        for route in document["routes"]:
            if isinstance(route, Mapping) and route.get("serving") == "managed":
                named[str(route.get("name"))] = route
        models = {name: entry.get("model") for name, entry in named.items()}
        found |= {name: gemini for name, model in models.items() if (gemini := gemini_id(str(model)))}
    return found


def _routes(resources: Sequence[Resource]) -> Iterator[Mapping[str, Any]]:
    """What tells the client where to send requests: the stack's output `routes`, and the ConfigMap of the same."""
    for resource in resources:
        document: Any = resource.properties.get("routes") if resource.type == STACK else None
        if resource.type == CONFIG_MAP:
            try:
                document = json.loads(resource.text("data", _ROUTES_KEY))
            except ValueError:
                continue
        if isinstance(document, Mapping) and isinstance(document.get("routes"), list):
            yield document


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


def _primary_from(resources: Sequence[Resource]) -> float:
    """The share from which a model is primary: half, or the largest that one has, on the endpoint or managed."""
    managed = [
        route["weight"]
        for document in _routes(resources)
        for route in document["routes"]
        if isinstance(route, Mapping) and route.get("serving") == "managed" and isinstance(route.get("weight"), int)
    ]
    return min([PRIMARY_SHARE, max([*_shares(resources).values(), *managed], default=PRIMARY_SHARE)])


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
    for document in _routes(resources):
        known = [route for route in document["routes"] if isinstance(route, Mapping)]
        weights = [route["weight"] for route in known if route.get("serving") == "endpoint" and "weight" in route]
        if weights and all(isinstance(weight, int | float) for weight in weights):
            return float(sum(weights))
    return 100.0


def _more_replicas(resource: Resource, share: float) -> str:
    return (
        f"{resource.name} has {share:g} % of the traffic and keeps {resource.properties['minReplicaCount']:g} replica: "
        f"set its minReplicaCount in gemini-vertex:models to {LEAST_REPLICAS} or more."
    )
