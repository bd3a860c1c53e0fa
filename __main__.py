"""The article's system, step by step, for the stack that Pulumi runs."""

from pathlib import Path

import pulumi

import components as parts
from settings import load_stack
from vertex_serving import TrafficSplit, TrafficTargetArgs

settings = load_stack()
project, region, identity, perimeter = (
    settings.project,
    settings.region,
    settings.workload_identity,
    settings.perimeter,
)

# Step 1: the Google APIs that all else calls. The first four are the article's.
apis = ["aiplatform", "compute", "container", "cloudresourcemanager", "iam", "iamcredentials"]
if perimeter.mode != "off":
    apis.append("accesscontextmanager")
services = parts.ProjectServices(
    "apis", parts.ProjectServicesArgs(project=project, services=[f"{api}.googleapis.com" for api in apis])
)
enabled = pulumi.ResourceOptions(depends_on=[services])

# Step 2: one endpoint, private in prod.
endpoint = parts.VertexEndpoint(
    settings.endpoint.name,
    parts.VertexEndpointArgs(
        project=project,
        region=region,
        display_name=settings.endpoint.name,
        connectivity=settings.endpoint.connectivity,
        network=settings.endpoint.network,
        dedicated=settings.endpoint.dedicated,
        labels=settings.labels,
    ),
    enabled,
)

# Steps 3 and 4: the models side by side, without traffic; then one split that names them all.
deployments = {
    model.name: parts.GeminiDeployment(
        model.name,
        parts.GeminiDeploymentArgs(
            project=project,
            region=region,
            endpoint=endpoint.resource_name,
            model=model.model,
            display_name=model.name,
            machine_type=model.machine_type,
            accelerator_type=model.accelerator_type,
            accelerator_count=model.accelerator_count,
            min_replica_count=model.min_replica_count,
            max_replica_count=model.max_replica_count,
            autoscaling_metrics=[
                parts.AutoscalingMetric(metric_name=metric.metric_name, target=metric.target)
                for metric in model.autoscaling_metrics
            ],
        ),
    )
    for model in settings.models
}
traffic = {model.name: model.traffic for model in settings.models}
split = TrafficSplit(
    "traffic",
    endpoint=endpoint.resource_name,
    targets={
        name: TrafficTargetArgs(deployed_model_id=deployment.deployed_model_id, percent=traffic[name])
        for name, deployment in deployments.items()
    },
    opts=pulumi.ResourceOptions(depends_on=list(deployments.values())),
)

# Step 5: one Kubernetes service account may predict, without a key.
binding = parts.WorkloadIdentityBinding(
    identity.service_account,
    parts.WorkloadIdentityBindingArgs(
        project=project,
        service_account_id=identity.service_account,
        namespace=identity.namespace,
        kubernetes_service_account=identity.kubernetes_service_account,
        role=identity.role,
    ),
    enabled,
)
cluster = settings.kubernetes
manifest = parts.KsaManifest(
    identity.kubernetes_service_account,
    parts.KsaManifestArgs(
        name=identity.kubernetes_service_account,
        namespace=identity.namespace,
        service_account_email=binding.service_account_email,
        cluster=parts.Cluster(context=cluster.context, kubeconfig=cluster.kubeconfig) if cluster else None,
        create_namespace=bool(cluster and cluster.create_namespace),
        path=Path("k8s/serviceaccount.yaml"),
    ),
)

# Step 7: a perimeter that only watches until the mode says enforced.
if perimeter.mode != "off":
    parts.ServicePerimeter(
        perimeter.name,
        parts.ServicePerimeterArgs(
            perimeter_id=perimeter.name,
            title=perimeter.title,
            projects=[project],
            mode=perimeter.mode,
            access_policy=perimeter.access_policy,
            organization=perimeter.organization,
            policy_title=perimeter.policy_title,
            dry_run_command="`pulumi config set --path gemini-vertex:perimeter.mode dry-run && pulumi up`",
        ),
        enabled,
    )

# What step 6, the application, and the smoke test need.
deployed_models = {name: deployment.deployed_model_id for name, deployment in deployments.items()}
pulumi.export("endpointId", endpoint.id)
pulumi.export("endpointName", endpoint.resource_name)
pulumi.export("endpointHost", endpoint.host([deployment.private_host for deployment in deployments.values()]))
pulumi.export("models", {name: {"model": deployment.model} for name, deployment in deployments.items()})
pulumi.export("deployedModels", deployed_models)
pulumi.export("configuredTrafficSplit", traffic)
pulumi.export("trafficSplit", parts.split_by_name(split.traffic_split, deployed_models))
pulumi.export("serviceAccountEmail", binding.service_account_email)
pulumi.export("perimeterMode", perimeter.mode)
pulumi.export("clientEnvironment", {"GCP_PROJECT_ID": project, "GCP_REGION": region, "VERTEX_ENDPOINT_ID": endpoint.id})
pulumi.export("kubernetesManifest", manifest.manifest)
