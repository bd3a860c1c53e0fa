"""The article's system, step by step, for the stack that Pulumi runs."""

from pathlib import Path

import pulumi

import components as parts
import pricing
from pricing.announcement import announce
from settings import load_stack, needed_apis
from vertex_serving import TrafficSplit, TrafficTargetArgs

settings = load_stack()
project, region = settings.project, settings.region
identity, perimeter, cluster = settings.workload_identity, settings.perimeter, settings.kubernetes

# Step 1: the Google APIs that all else calls.
services = parts.ProjectServices("apis", parts.ProjectServicesArgs(project=project, services=needed_apis(settings)))
enabled = pulumi.ResourceOptions(depends_on=[services])

# Step 2: one endpoint, private in prod.
endpoint = parts.VertexEndpoint(
    settings.endpoint.display_name,
    parts.VertexEndpointArgs(project=project, region=region, labels=settings.labels, **vars(settings.endpoint)),
    enabled,
)

# Steps 3 and 4: the models side by side, without traffic; then one split that names them all. A peered endpoint holds
# one model, which gets all its traffic, and takes no split.
peered = settings.endpoint.connectivity == "peered-network"
deployments = {
    model.display_name: parts.GeminiDeployment(
        model.display_name,
        parts.GeminiDeploymentArgs(project=project, region=region, endpoint=endpoint.resource_name, **vars(model)),
        pulumi.ResourceOptions(delete_before_replace=peered),
    )
    for model in settings.models
}
deployed_models = {name: deployment.deployed_model_id for name, deployment in deployments.items()}
serving: list[pulumi.Resource] = list(deployments.values())
traffic: pulumi.Input[dict[str, int]] = dict(settings.traffic)
if not peered:
    split = TrafficSplit(
        "traffic",
        endpoint=endpoint.resource_name,
        targets={
            name: TrafficTargetArgs(deployed_model_id=number, percent=settings.traffic[name])
            for name, number in deployed_models.items()
        },
        opts=pulumi.ResourceOptions(depends_on=serving),
    )
    serving, traffic = [split], parts.split_by_name(split.traffic_split, deployed_models)

# Step 5: one Kubernetes service account may predict, without a key.
binding = parts.WorkloadIdentityBinding(
    identity.service_account_id,
    parts.WorkloadIdentityBindingArgs(project=project, **vars(identity)),
    enabled,
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

# Step 7: a perimeter that only watches until the mode says enforced. Last up and first down, or it would shut out the
# deployments and their end.
if perimeter.mode != "off":
    try_first = "`pulumi config set --path gemini-vertex:perimeter.mode dry-run && pulumi up`"
    parts.ServicePerimeter(
        perimeter.perimeter_id,
        parts.ServicePerimeterArgs(projects=[project], dry_run_command=try_first, **vars(perimeter)),
        pulumi.ResourceOptions(depends_on=[services, *serving]),
    )

cost = pricing.estimate(region, settings.models)
announce(cost)

# What step 6, the application, and the smoke test need.
for name, value in {
    "endpointId": endpoint.id,
    "endpointName": endpoint.resource_name,
    "endpointHost": endpoint.host([deployment.private_host for deployment in deployments.values()]),
    "models": {name: {"model": deployment.model} for name, deployment in deployments.items()},
    "deployedModels": deployed_models,
    "configuredTrafficSplit": settings.traffic,
    "trafficSplit": traffic,
    "serviceAccountEmail": binding.service_account_email,
    "perimeterMode": perimeter.mode,
    "clientEnvironment": {"GCP_PROJECT_ID": project, "GCP_REGION": region, "VERTEX_ENDPOINT_ID": endpoint.id},
    "kubernetesManifest": manifest.manifest,
    "cost": cost.as_json(),
}.items():
    pulumi.export(name, value)
