"""A BigQuery dataset for sampled requests and responses, which forgets them by itself."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from components.advice import advise

_DAY_MS = 24 * 60 * 60 * 1000
_ADVICE = {
    "still in use|resourceInUse": (
        "dataset {datasetId} still holds logged requests. They expire by themselves; to end it now, delete its tables "
        "(`bq rm -r -f -d PROJECT:{datasetId}`) and run `pulumi destroy` again"
    ),
    "Access Denied|PERMISSION_DENIED|Error 403": (
        "your account may not make datasets: it needs roles/bigquery.user (or bigquery.datasets.create) on the project"
    ),
}


@dataclass(frozen=True, kw_only=True)
class RequestLoggingArgs:
    """Where requests and responses go (bigquery v2, `Dataset`), and for how long.

    They are private data: whoever may read the dataset reads every sampled prompt and answer.

    - `project`: the project's id; `region`: where the dataset is, the endpoint's own region.
    - `dataset`: 1 to 1024 letters, digits or underscores.
    - `expiration_days`: when a table and all in it is deleted; a table's age counts, not a row's.
    - `sampling_rate`: the fraction of requests that is logged, above 0 and at most 1.
    """

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    dataset: pulumi.Input[str]
    expiration_days: int = 30
    sampling_rate: float = 0.01


class RequestLogging(pulumi.ComponentResource):
    """The dataset; `config` is what an endpoint takes as its `predict_request_response_logging_config`.

    A dataset with tables in it is not deleted with the stack.
    """

    def __init__(self, name: str, args: RequestLoggingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:RequestLogging", name, None, opts)
        self.dataset = gcp.bigquery.Dataset(
            name,
            project=args.project,
            dataset_id=args.dataset,
            location=args.region,
            description="Sampled requests to Vertex AI and their answers. Private data; expires by itself.",
            default_table_expiration_ms=args.expiration_days * _DAY_MS,
            delete_contents_on_destroy=False,
            opts=pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-dataset-advice", self, _ADVICE)),
        )
        self.destination = pulumi.Output.format(
            "bq://{0}.{1}.request_response_logging", args.project, self.dataset.dataset_id
        )
        self.config = gcp.vertex.AiEndpointPredictRequestResponseLoggingConfigArgs(
            enabled=True,
            sampling_rate=args.sampling_rate,
            bigquery_destination=gcp.vertex.AiEndpointPredictRequestResponseLoggingConfigBigqueryDestinationArgs(
                output_uri=self.destination
            ),
        )
        self.register_outputs({"destination": self.destination})
