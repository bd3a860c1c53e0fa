"""Sampled requests and responses in BigQuery, which forgets them by itself: of an endpoint and of managed models."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_gcp as gcp

import vertex_serving
from components.advice import advise

_DAY_MS = 24 * 60 * 60 * 1000
_ADVICE = {
    "still in use|resourceInUse": (
        "dataset {datasetId} still holds logged requests. They expire by themselves; to end it now, delete its tables "
        "(`bq rm -r -f -d PROJECT:{datasetId}`) and run `pulumi destroy` again"
    ),
}


@dataclass(frozen=True, kw_only=True)
class LoggedModel:
    """A managed model whose requests are logged: its id, like gemini-3.8-flash, where it is called."""

    model: str
    location: str


@dataclass(frozen=True, kw_only=True)
class RequestLogArgs:
    """Where a sample of requests and answers goes (bigquery v2, `Dataset`), and for how long.

    They are private data: whoever may read the dataset reads every sampled prompt and answer.

    - `project`: the project's id; `region`: where the dataset is.
    - `dataset`: 1 to 1024 letters, digits or underscores; it is made.
    - `sampling_rate`: the fraction of requests that is logged, above 0 and at most 1; default 0.01.
    - `expiration_days`: when a partition is deleted or, where the table has none, the whole table. Default 30.
    - `managed_models`: the managed models that log too, none by default; one that is named twice logs once.
    - `labels`: on the dataset; none by default.
    """

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    dataset: pulumi.Input[str]
    sampling_rate: float = 0.01
    expiration_days: int = 30
    managed_models: Sequence[LoggedModel] = ()
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class RequestLog(pulumi.ComponentResource):
    """A dataset, and in it the requests of managed models (aiplatform v1beta1, `setPublisherModelConfig`, a preview).

    An endpoint logs there too where it takes `endpoint_config`. At first the project's owners alone may read the
    dataset: not its viewers and editors, who could by BigQuery's own default. Vertex AI writes by its service agent's
    role. Grants of others stay. With tables in it, the dataset is not deleted with the stack.

    Outputs: `tables`: where each managed model logs, as bq://PROJECT.DATASET.TABLE, by model and location.
    """

    def __init__(self, name: str, args: RequestLogArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:RequestLog", name, None, opts)
        self._args = args
        self._dataset = self._made(name)
        self.tables: dict[str, pulumi.Output[str]] = {}
        hooks = advise(f"{name}-model-advice", self)
        for logged in dict.fromkeys(args.managed_models):
            place = f"{logged.model}-{logged.location}"
            self.tables[place] = self._table(re.sub(r"\W", "_", place))
            vertex_serving.PublisherModelConfig(
                f"{name}-{place}",
                project=args.project,
                region=logged.location,
                model=logged.model,
                logging=vertex_serving.RequestLoggingArgs(
                    enabled=True, sampling_rate=args.sampling_rate, bigquery_destination=self.tables[place]
                ),
                opts=pulumi.ResourceOptions(parent=self, hooks=hooks),
            )
        self.register_outputs({"tables": self.tables})

    @property
    def endpoint_config(self) -> gcp.vertex.AiEndpointPredictRequestResponseLoggingConfigArgs:
        """What an endpoint takes as its `predict_request_response_logging_config`."""
        return gcp.vertex.AiEndpointPredictRequestResponseLoggingConfigArgs(
            enabled=True,
            sampling_rate=self._args.sampling_rate,
            bigquery_destination=gcp.vertex.AiEndpointPredictRequestResponseLoggingConfigBigqueryDestinationArgs(
                output_uri=self._table("request_response_logging")
            ),
        )

    def _table(self, table: str) -> pulumi.Output[str]:
        return pulumi.Output.format("bq://{0}.{1}.{2}", self._args.project, self._dataset.dataset_id, table)

    def _made(self, name: str) -> gcp.bigquery.Dataset:
        args = self._args
        return gcp.bigquery.Dataset(
            name,
            project=args.project,
            dataset_id=args.dataset,
            location=args.region,
            description="Sampled requests to Vertex AI and their answers. Private data; expires by itself.",
            labels=args.labels or None,
            accesses=[gcp.bigquery.DatasetAccessArgs(role="OWNER", special_group="projectOwners")],
            # Of the two the second holds for a table that is partitioned, and its rows go by their own age; whether
            # Vertex AI makes one that is, its documents do not say.
            default_table_expiration_ms=args.expiration_days * _DAY_MS,
            default_partition_expiration_ms=args.expiration_days * _DAY_MS,
            delete_contents_on_destroy=False,
            opts=pulumi.ResourceOptions(
                parent=self, ignore_changes=["accesses"], hooks=advise(f"{name}-dataset-advice", self, _ADVICE)
            ),
        )
