"""Pulumi resources that deploy models onto Vertex AI endpoints, split an endpoint's traffic, and log Gemini's requests.

    import vertex_serving

    flash = vertex_serving.DeployedModel("flash", endpoint=endpoint.id, model=…, display_name=…, machine_type=…)
    vertex_serving.TrafficSplit("traffic", endpoint=endpoint.id, targets={
        "flash": vertex_serving.TrafficTargetArgs(deployed_model_id=flash.deployed_model_id, percent=100),
    })

The provider behind them is in this folder too (`provider/`); Pulumi starts it from here when Pulumi.yaml says
`plugins: {providers: [{name: vertex-serving, path: ./vertex_serving}]}`.
"""

from vertex_serving.sdk.deployed_model import (
    AutoscalingMetricSpec,
    AutoscalingMetricSpecArgs,
    DeployedModel,
    DeployedModelArgs,
)
from vertex_serving.sdk.provider import Provider, ProviderArgs
from vertex_serving.sdk.publisher_model_config import (
    PublisherModelConfig,
    PublisherModelConfigArgs,
    RequestLogging,
    RequestLoggingArgs,
)
from vertex_serving.sdk.traffic_split import TrafficSplit, TrafficSplitArgs, TrafficTarget, TrafficTargetArgs

__all__ = [
    "AutoscalingMetricSpec",
    "AutoscalingMetricSpecArgs",
    "DeployedModel",
    "DeployedModelArgs",
    "Provider",
    "ProviderArgs",
    "PublisherModelConfig",
    "PublisherModelConfigArgs",
    "RequestLogging",
    "RequestLoggingArgs",
    "TrafficSplit",
    "TrafficSplitArgs",
    "TrafficTarget",
    "TrafficTargetArgs",
]
