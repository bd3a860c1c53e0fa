"""What can be set on a running sandbox, under /_sandbox/settings."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

RequestMetric = Literal["online_prediction_requests", "resource_management_requests", "lro_submission_requests"]
LaunchStage = Literal["EXPERIMENTAL", "PRIVATE_PREVIEW", "PUBLIC_PREVIEW", "GA"]
Seconds = Annotated[float, Field(ge=0, le=86400)]


class Options(BaseModel):
    """The sandbox's settings, in camelCase on the wire.

    Args:
        profile: "google" keeps all of Google's rules; "article" also takes base Gemini on an endpoint.
        deploy_seconds: how long a deployModel takes.
        operation_seconds: how long every other long-running operation takes.
        deploy_concurrency: deploys that may run at once on one endpoint, 0 for any number.
        serving_quota: by region, then quota metric ("custom_model_serving_cpus"); what is not named is unlimited.
        requests_per_replica: requests a minute that one replica serves before another is added.
        scale_down_seconds: how long load must stay low before a replica goes.
        replica_start_seconds: how long a replica takes from being asked for to serving.
        metrics_delay_seconds: how long Cloud Monitoring takes to show what was served.
        request_quota: requests a minute by region ("*" for every other), then by metric (RequestMetric); what is not
            named is unlimited.
        provisioned_throughput: tokens a second that were bought, by location, then by Gemini id; none by themselves.
        publisher_models: launch stages ("GA") by id of Gemini models that Google lists beside those it does.
        seed: of every random choice, such as which model of a split answers.
        clock_rate: the sandbox's seconds in a real one; 0 stops its clock until /_sandbox/clock steps it.
        token_seconds: lifetime of the access tokens that metadata servers give. google-auth asks for another one
            225 seconds before the end.
        latency: "none" answers as fast as it can; "realistic" takes about the time that Google's servers take.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", validate_assignment=True)

    profile: Literal["google", "article"] = "google"
    deploy_seconds: Seconds = 3.0
    operation_seconds: Seconds = 0.05
    deploy_concurrency: Annotated[int, Field(ge=0)] = 0
    serving_quota: dict[str, dict[str, Annotated[int, Field(ge=0)]]] = {}
    requests_per_replica: Annotated[int, Field(ge=1)] = 600
    scale_down_seconds: Seconds = 300.0
    replica_start_seconds: Seconds = 0.0
    metrics_delay_seconds: Seconds = 0.0
    request_quota: dict[str, dict[RequestMetric, Annotated[int, Field(ge=0)]]] = {}
    provisioned_throughput: dict[str, dict[str, Annotated[int, Field(ge=0)]]] = {}
    publisher_models: dict[str, LaunchStage] = {}
    seed: int = 0
    clock_rate: Annotated[float, Field(ge=0, le=100_000)] = 1.0
    token_seconds: Annotated[int, Field(ge=1, le=3600)] = 3599
    latency: Literal["none", "realistic"] = "none"
