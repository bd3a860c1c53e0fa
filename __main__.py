"""The article's system, step by step, for the stack that Pulumi runs."""

import os
from pathlib import Path
from typing import Any

import pulumi

import components as parts
import pricing
from model_catalogue import today
from pricing.announcement import announce
from settings import fallback_api_key, load_stack

settings = load_stack()
project, region, fallback = settings.project, settings.region, settings.fallback
identity, perimeter, cluster = settings.workload_identity, settings.perimeter, settings.kubernetes
at: dict[str, Any] = {"project": project, "region": region, "labels": settings.labels}
environment: dict[str, Any] = {"GCP_PROJECT_ID": project, "GCP_REGION": region}
outputs: dict[str, Any] = {"clientEnvironment": environment, "perimeterMode": perimeter.mode}

# Step 1: the Google APIs that all else calls.
services = parts.ProjectServices("apis", parts.ProjectServicesArgs(project=project, services=settings.apis))
enabled = pulumi.ResourceOptions(depends_on=[services])

# The private path: what of it this stack makes, before what is to be private.
private = None
if settings.private:
    args = parts.PrivateConnectivityArgs(**at, **vars(settings.private))
    private = parts.PrivateConnectivity("private", args, enabled)
    if settings.private.api_domains:
        led = {"network": private.network, "address": private.api_address}
        outputs["privateApis"] = {**led, "domains": settings.private.api_domains}
ready: list[pulumi.Resource] = [services, private] if private else [services]

# Steps 2 to 4 for Gemini itself: Google serves it without an endpoint, so a model is a route, and nothing to deploy.
routes: list[parts.ManagedRoute | parts.EndpointRoute] = [parts.ManagedRoute(**vars(each)) for each in settings.managed]
outputs["models"] = {model.name: {"model": f"publishers/google/models/{model.model}"} for model in settings.managed}
fenced: list[pulumi.Resource] = []
watch, watched = settings.observability, None
# A sample of the requests is logged only where the configuration says so.
log: parts.RequestLog | None = None
if watch and watch.request_logging:
    logged = [parts.LoggedModel(model=each.model, location=each.location) for each in settings.managed]
    sample = parts.RequestLogArgs(**at, managed_models=logged, **vars(watch.request_logging))
    log = parts.RequestLog("request-log", sample, enabled)
    fenced.append(log)
if settings.endpoint and settings.endpoint_route:
    # Step 2: one endpoint, private in prod.
    endpoint = parts.VertexEndpoint(
        settings.endpoint.display_name,
        parts.VertexEndpointArgs(**at, request_log=log, **vars(settings.endpoint)),
        pulumi.ResourceOptions(depends_on=ready, protect=settings.protect),
    )
    # Steps 3 and 4: the models side by side, without traffic; then one split that names them all.
    deployments = {
        model.display_name: parts.GeminiDeployment(
            model.display_name,
            parts.GeminiDeploymentArgs(project=project, region=region, endpoint=endpoint.resource_name, **vars(model)),
            pulumi.ResourceOptions(delete_before_replace=endpoint.connectivity == "peered-network"),
        )
        for model in settings.models
    }
    protected = pulumi.ResourceOptions(protect=settings.protect)
    traffic = parts.share_traffic("traffic", endpoint, deployments, settings.endpoint_split, private, protected)
    fenced += traffic.resources
    watched = parts.WatchedEndpoint.of(endpoint, deployments, settings.endpoint_split)
    routes.append(traffic.route(endpoint, region, **vars(settings.endpoint_route)))
    environment["VERTEX_ENDPOINT_ID"] = endpoint.id
    outputs["models"] |= {name: {"model": deployment.model} for name, deployment in deployments.items()}
    outputs |= {
        "endpointId": endpoint.id,
        "endpointName": endpoint.resource_name,
        "endpointHost": traffic.host,
        "deployedModels": traffic.deployed_models,
        "configuredTrafficSplit": settings.endpoint_split,
        "trafficSplit": traffic.live,
    }

# Step 5: one Kubernetes service account may predict, without a key.
binding = parts.WorkloadIdentityBinding(
    identity.service_account_id, parts.WorkloadIdentityBindingArgs(project=project, **vars(identity)), enabled
)
manifest = parts.KsaManifest(
    identity.kubernetes_service_account,
    parts.KsaManifestArgs(
        name=identity.kubernetes_service_account,
        namespace=identity.namespace,
        service_account_email=binding.service_account_email if identity.grant == "impersonation" else None,
        cluster=parts.Cluster(context=cluster.context, kubeconfig=cluster.kubeconfig) if cluster else None,
        create_namespace=bool(cluster and cluster.create_namespace),
        path=Path("k8s/serviceaccount.yaml"),
    ),
    # An account that loses its annotation must have its own grant before.
    pulumi.ResourceOptions(depends_on=[binding]),
)
app: dict[str, Any] = {"project": project, "namespace": identity.namespace, "cluster": manifest.provider}

# Step 6: what the application calls, and before that the key it falls back with.
last_resort: parts.DeveloperApi | None = None
before_routes: list[pulumi.Resource] = [manifest]
if fallback:
    key = parts.FallbackKey(
        "developer-api-key",
        parts.FallbackKeyArgs(
            api_key=fallback_api_key(), reader=binding.member, labels=settings.labels, **vars(fallback.kept), **app
        ),
        pulumi.ResourceOptions(depends_on=[services, manifest]),
    )
    last_resort = parts.DeveloperApi(model=fallback.model, key_secret=key.secret_version, **vars(fallback.bounds))
    fenced.append(key)
    before_routes.append(key)
client = parts.ClientRoutes(
    "gemini-routes",
    parts.ClientRoutesArgs(routes=routes, developer_api=last_resort, path=Path("k8s/gemini-routes.yaml"), **app),
    pulumi.ResourceOptions(depends_on=before_routes),
)
environment |= client.environment

# Not in the article: what tells how it serves, and whom.
if watch:
    ids, fence = [model.model for model in settings.managed], perimeter.mode != "off"
    seen: dict[str, Any] = {"endpoint": watched, "managed_models": ids, "perimeter": fence}
    watching = parts.ObservabilityArgs(**at, **seen, **watch.component)
    fenced.append(parts.Observability(f"gemini-{pulumi.get_stack()}", watching, enabled))

# Step 7: a perimeter that only watches until the mode says enforced. Last up and first down, or it would shut out the
# deployments and their end; and where it is protected, a destroy that is refused there has deleted nothing yet.
if perimeter.mode != "off":
    try_first = "`pulumi config set --path gemini-vertex:perimeter.mode dry-run && pulumi up`"
    parts.ServicePerimeter(
        perimeter.perimeter_id,
        parts.ServicePerimeterArgs(projects=[project], dry_run_command=try_first, **vars(perimeter)),
        pulumi.ResourceOptions(depends_on=[*ready, *fenced, binding, manifest, client], protect=settings.protect),
    )

cost = pricing.estimate(region, settings.models, settings.managed, day=today(os.environ))
announce(cost)

outputs |= {
    "cost": cost.as_json(),
    "routes": client.document,
    "serviceAccountEmail": binding.service_account_email,
    "kubernetesManifest": manifest.manifest,
}
for name, value in outputs.items():
    pulumi.export(name, value)
