"""TrafficSplit: all percentages of one endpoint, changed in one call."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

import pulumi


@pulumi.input_type
class TrafficTargetArgs:
    """One deployed model and its share.

    Attributes:
        deployed_model_id: The `deployed_model_id` of a DeployedModel on the same endpoint.
        percent: Its share of the endpoint's traffic, 0 to 100.
    """

    deployed_model_id: pulumi.Input[str] = pulumi.property("deployedModelId")
    percent: pulumi.Input[int] = pulumi.property("percent")

    def __init__(self, *, deployed_model_id: pulumi.Input[str], percent: pulumi.Input[int]) -> None:
        pulumi.set(self, "deployed_model_id", deployed_model_id)
        pulumi.set(self, "percent", percent)


@pulumi.output_type
class TrafficTarget(dict[str, Any]):
    """One deployed model and its share, as it is set."""

    deployed_model_id: str = pulumi.property("deployedModelId")
    percent: int = pulumi.property("percent")


TargetsInput = pulumi.Input[Mapping[str, pulumi.Input[TrafficTargetArgs | Mapping[str, Any]]]]


@pulumi.input_type
class TrafficSplitArgs:
    """How an endpoint shares its traffic.

    Attributes:
        endpoint: Full name of the endpoint, `projects/P/locations/R/endpoints/E`.
        targets: Every model that takes traffic there, by a name of your choice; the percentages sum to 100.
    """

    endpoint: pulumi.Input[str] = pulumi.property("endpoint")
    targets: TargetsInput = pulumi.property("targets")

    def __init__(self, *, endpoint: pulumi.Input[str], targets: TargetsInput) -> None:
        pulumi.set(self, "endpoint", endpoint)
        pulumi.set(self, "targets", targets)


class TrafficSplit(pulumi.CustomResource):
    """All percentages of one endpoint, changed in one call; an endpoint has one TrafficSplit.

    It is changed after every model it names is up, and before any model that it no longer names is undeployed, as long
    as targets take their ids from DeployedModels and those are replaced in Pulumi's usual order. Deleting it empties
    the endpoint's split.

    Args:
        resource_name: Name in the program.
        args: The inputs as one object; or give them by keyword.
        opts: Pulumi's options.
        inputs: The arguments of TrafficSplitArgs.
    """

    endpoint: pulumi.Output[str] = pulumi.property("endpoint")
    targets: pulumi.Output[Mapping[str, TrafficTarget]] = pulumi.property("targets")
    traffic_split: pulumi.Output[Mapping[str, int]] = pulumi.property("trafficSplit")
    """The map that Google has: deployedModelId to percent, without those who get nothing."""

    def __init__(
        self,
        resource_name: str,
        args: TrafficSplitArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **inputs: Any,
    ) -> None:
        props = copy.copy(args) if args is not None else TrafficSplitArgs(**inputs)
        for output in TrafficSplit.__annotations__:
            props.__dict__.setdefault(output, None)
        super().__init__("vertex-serving:index:TrafficSplit", resource_name, cast("Any", props), opts)

    @staticmethod
    def get(resource_name: str, id: str, opts: pulumi.ResourceOptions | None = None) -> TrafficSplit:  # noqa: A002
        """Return a split that something else manages, by its id `ENDPOINT/trafficSplit`."""
        nothing = TrafficSplitArgs.__new__(TrafficSplitArgs)
        return TrafficSplit(resource_name, nothing, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id)))
