"""DeployedModel: one model deployed on one endpoint, without traffic until a TrafficSplit gives it some."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi


@pulumi.input_type
class AutoscalingMetricSpecArgs:
    """One metric that replicas follow.

    Attributes:
        metric_name: One of aiplatform.googleapis.com/prediction/online/{cpu/utilization, accelerator/duty_cycle,
            request_count}, or another one that DedicatedResources.autoscalingMetricSpecs lists.
        target: What adding and taking away replicas keeps: a percentage (1 to 100), or a count for the metrics that
            count. Default 60.
    """

    metric_name: pulumi.Input[str] = pulumi.property("metricName")
    target: pulumi.Input[int] | None = pulumi.property("target", default=None)

    def __init__(self, *, metric_name: pulumi.Input[str], target: pulumi.Input[int] | None = None) -> None:
        pulumi.set(self, "metric_name", metric_name)
        if target is not None:
            pulumi.set(self, "target", target)


@pulumi.output_type
class AutoscalingMetricSpec(dict[str, Any]):
    """One metric that replicas follow, as it is deployed."""

    metric_name: str = pulumi.property("metricName")
    target: int = pulumi.property("target")


SpecsInput = pulumi.Input[Sequence[pulumi.Input[AutoscalingMetricSpecArgs | Mapping[str, Any]]]]


@pulumi.input_type
class DeployedModelArgs:
    """What to deploy, and where. A change of `in place` ones keeps the deployment; others make a new one.

    Attributes:
        endpoint: Full name of the endpoint, `projects/P/locations/R/endpoints/E`.
        model: `projects/P/locations/R/models/M`, with `@VERSION` if you like, or `publishers/PUBLISHER/models/M`.
        display_name: Name of the deployment, at most 128 characters; part of its identity.
        machine_type: Compute Engine machine of one replica, like `n1-standard-4`. Default: none, and the model runs on
            Google's shared machines, as a tuned Gemini does, on a shared public endpoint only; then nothing below that
            says "machines" may be given.
        accelerator_type: Machines. A name from Google's enum AcceleratorType, like `NVIDIA_L4`. Default: none.
        accelerator_count: Machines. Accelerators of one replica. Default: 1 where there is a type.
        min_replica_count: Machines. Replicas that are always up, at least 1. Default 1. In place.
        max_replica_count: Machines. Replicas at most. Default: the minimum. In place.
        autoscaling_metric_specs: Machines. What replicas follow. Default: Google's, 60 % of processor or accelerator.
            In place.
        service_account: E-mail of the service account that the model's container runs as. Default: Google's own.
        enable_access_logging: Whether each prediction request is logged. Default false.
        disable_container_logging: Whether the container's output is kept out of Cloud Logging. Default false. In place.
        spot: Machines. Whether to use spot machines. Default false.
    """

    endpoint: pulumi.Input[str] = pulumi.property("endpoint")
    model: pulumi.Input[str] = pulumi.property("model")
    display_name: pulumi.Input[str] = pulumi.property("displayName")
    machine_type: pulumi.Input[str] | None = pulumi.property("machineType", default=None)
    accelerator_type: pulumi.Input[str] | None = pulumi.property("acceleratorType", default=None)
    accelerator_count: pulumi.Input[int] | None = pulumi.property("acceleratorCount", default=None)
    min_replica_count: pulumi.Input[int] | None = pulumi.property("minReplicaCount", default=None)
    max_replica_count: pulumi.Input[int] | None = pulumi.property("maxReplicaCount", default=None)
    autoscaling_metric_specs: SpecsInput | None = pulumi.property("autoscalingMetricSpecs", default=None)
    service_account: pulumi.Input[str] | None = pulumi.property("serviceAccount", default=None)
    enable_access_logging: pulumi.Input[bool] | None = pulumi.property("enableAccessLogging", default=None)
    disable_container_logging: pulumi.Input[bool] | None = pulumi.property("disableContainerLogging", default=None)
    spot: pulumi.Input[bool] | None = pulumi.property("spot", default=None)

    def __init__(
        self,
        *,
        endpoint: pulumi.Input[str],
        model: pulumi.Input[str],
        display_name: pulumi.Input[str],
        machine_type: pulumi.Input[str] | None = None,
        accelerator_type: pulumi.Input[str] | None = None,
        accelerator_count: pulumi.Input[int] | None = None,
        min_replica_count: pulumi.Input[int] | None = None,
        max_replica_count: pulumi.Input[int] | None = None,
        autoscaling_metric_specs: SpecsInput | None = None,
        service_account: pulumi.Input[str] | None = None,
        enable_access_logging: pulumi.Input[bool] | None = None,
        disable_container_logging: pulumi.Input[bool] | None = None,
        spot: pulumi.Input[bool] | None = None,
    ) -> None:
        given = {
            "endpoint": endpoint,
            "model": model,
            "display_name": display_name,
            "machine_type": machine_type,
            "accelerator_type": accelerator_type,
            "accelerator_count": accelerator_count,
            "min_replica_count": min_replica_count,
            "max_replica_count": max_replica_count,
            "autoscaling_metric_specs": autoscaling_metric_specs,
            "service_account": service_account,
            "enable_access_logging": enable_access_logging,
            "disable_container_logging": disable_container_logging,
            "spot": spot,
        }
        for name, value in given.items():
            if value is not None:
                pulumi.set(self, name, value)


class DeployedModel(pulumi.CustomResource):
    """One model deployed on one endpoint. It takes no traffic until a TrafficSplit gives it some.

    The deployment's id follows from what identifies it, so it is known at preview, and the same inputs never deploy
    twice. A replacement is up before the original is undeployed; leave `delete_before_replace` alone, since Google does
    not undeploy a model that has traffic. `custom_timeouts` overrides the 60 minutes that a deployment may take.

    Args:
        resource_name: Name in the program.
        args: The inputs as one object; or give them by keyword.
        opts: Pulumi's options.
        inputs: The arguments of DeployedModelArgs.
    """

    endpoint: pulumi.Output[str] = pulumi.property("endpoint")
    model: pulumi.Output[str] = pulumi.property("model")
    display_name: pulumi.Output[str] = pulumi.property("displayName")
    machine_type: pulumi.Output[str | None] = pulumi.property("machineType")
    accelerator_type: pulumi.Output[str | None] = pulumi.property("acceleratorType")
    accelerator_count: pulumi.Output[int | None] = pulumi.property("acceleratorCount")
    min_replica_count: pulumi.Output[int | None] = pulumi.property("minReplicaCount")
    max_replica_count: pulumi.Output[int | None] = pulumi.property("maxReplicaCount")
    autoscaling_metric_specs: pulumi.Output[Sequence[AutoscalingMetricSpec] | None] = pulumi.property(
        "autoscalingMetricSpecs"
    )
    service_account: pulumi.Output[str | None] = pulumi.property("serviceAccount")
    enable_access_logging: pulumi.Output[bool | None] = pulumi.property("enableAccessLogging")
    disable_container_logging: pulumi.Output[bool | None] = pulumi.property("disableContainerLogging")
    spot: pulumi.Output[bool | None] = pulumi.property("spot")
    deployed_model_id: pulumi.Output[str] = pulumi.property("deployedModelId")
    """The id on the endpoint, 10 digits; what a TrafficSplit names."""
    create_time: pulumi.Output[str] = pulumi.property("createTime")
    """When Google made it, RFC 3339; "" while it is on its way."""
    service_attachment: pulumi.Output[str] = pulumi.property("serviceAttachment")
    """Private Service Connect: the attachment to connect to; "" on other endpoints."""
    private_service_connect_address: pulumi.Output[str] = pulumi.property("privateServiceConnectAddress")
    """Private Service Connect: the address that Google's automation made in the network; "" without it."""
    predict_http_uri: pulumi.Output[str] = pulumi.property("predictHttpUri")
    """Peered network: where to send predictions; "" on other endpoints."""

    def __init__(
        self,
        resource_name: str,
        args: DeployedModelArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **inputs: Any,
    ) -> None:
        props = copy.copy(args) if args is not None else DeployedModelArgs(**inputs)
        for output in DeployedModel.__annotations__:
            props.__dict__.setdefault(output, None)
        super().__init__("vertex-serving:index:DeployedModel", resource_name, cast("Any", props), opts)

    @staticmethod
    def get(resource_name: str, id: str, opts: pulumi.ResourceOptions | None = None) -> DeployedModel:  # noqa: A002
        """Return a deployment that something else manages, by its id `ENDPOINT/deployedModels/ID`."""
        nothing = DeployedModelArgs.__new__(DeployedModelArgs)
        return DeployedModel(resource_name, nothing, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id)))
