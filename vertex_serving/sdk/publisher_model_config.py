"""PublisherModelConfig: the log of a sample of one Gemini model's requests, in one location of a project."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

import pulumi


@pulumi.input_type
class RequestLoggingArgs:
    """The log of a sample of requests and answers.

    Attributes:
        enabled: Whether requests are logged.
        sampling_rate: The fraction of requests that is logged, above 0 and at most 1. Needed where they are.
        bigquery_destination: The table, `bq://PROJECT.DATASET.TABLE`, whose dataset must exist. Needed where requests
            are logged.
    """

    enabled: pulumi.Input[bool] = pulumi.property("enabled")
    sampling_rate: pulumi.Input[float] | None = pulumi.property("samplingRate", default=None)
    bigquery_destination: pulumi.Input[str] | None = pulumi.property("bigqueryDestination", default=None)

    def __init__(
        self,
        *,
        enabled: pulumi.Input[bool],
        sampling_rate: pulumi.Input[float] | None = None,
        bigquery_destination: pulumi.Input[str] | None = None,
    ) -> None:
        pulumi.set(self, "enabled", enabled)
        if sampling_rate is not None:
            pulumi.set(self, "sampling_rate", sampling_rate)
        if bigquery_destination is not None:
            pulumi.set(self, "bigquery_destination", bigquery_destination)


@pulumi.output_type
class RequestLogging(dict[str, Any]):
    """The log of a sample of requests and answers, as it is set."""

    enabled: bool = pulumi.property("enabled")
    sampling_rate: float | None = pulumi.property("samplingRate")
    bigquery_destination: str | None = pulumi.property("bigqueryDestination")


LoggingInput = pulumi.Input[RequestLoggingArgs | Mapping[str, Any]]


@pulumi.input_type
class PublisherModelConfigArgs:
    """Which model, where, and what is logged of its requests.

    Attributes:
        project: The project's id.
        region: Where the model is called: a region like `us-central1`, or `global`, `us` or `eu`.
        model: Id of a Gemini model, like `gemini-3.5-flash`.
        logging: What is logged, and where. Changes in place; the others make another configuration.
    """

    project: pulumi.Input[str] = pulumi.property("project")
    region: pulumi.Input[str] = pulumi.property("region")
    model: pulumi.Input[str] = pulumi.property("model")
    logging: LoggingInput = pulumi.property("logging")

    def __init__(
        self,
        *,
        project: pulumi.Input[str],
        region: pulumi.Input[str],
        model: pulumi.Input[str],
        logging: LoggingInput,
    ) -> None:
        pulumi.set(self, "project", project)
        pulumi.set(self, "region", region)
        pulumi.set(self, "model", model)
        pulumi.set(self, "logging", logging)


class PublisherModelConfig(pulumi.CustomResource):
    """The log of a sample of one Gemini model's requests and answers, in one location of a project: private data.

    Google's method is v1beta1's, a preview. Creating adopts what is there only where nothing is logged, or just the
    same; another log is somebody else's. Deleting ends the log and leaves the table.

    Args:
        resource_name: Name in the program.
        args: The inputs as one object; or give them by keyword.
        opts: Pulumi's options.
        inputs: The arguments of PublisherModelConfigArgs.
    """

    project: pulumi.Output[str] = pulumi.property("project")
    region: pulumi.Output[str] = pulumi.property("region")
    model: pulumi.Output[str] = pulumi.property("model")
    logging: pulumi.Output[RequestLogging] = pulumi.property("logging")

    def __init__(
        self,
        resource_name: str,
        args: PublisherModelConfigArgs | None = None,
        opts: pulumi.ResourceOptions | None = None,
        **inputs: Any,
    ) -> None:
        props = copy.copy(args) if args is not None else PublisherModelConfigArgs(**inputs)
        for output in PublisherModelConfig.__annotations__:
            props.__dict__.setdefault(output, None)
        super().__init__("vertex-serving:index:PublisherModelConfig", resource_name, cast("Any", props), opts)

    @staticmethod
    def get(resource_name: str, id: str, opts: pulumi.ResourceOptions | None = None) -> PublisherModelConfig:  # noqa: A002
        """Return a configuration that something else manages, by its id, the model's name in a project and region."""
        nothing = PublisherModelConfigArgs.__new__(PublisherModelConfigArgs)
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id))
        return PublisherModelConfig(resource_name, nothing, opts)
