"""A BigQuery dataset for sampled requests and responses, which forgets them by itself."""

from collections.abc import Mapping
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
}


@dataclass(frozen=True, kw_only=True)
class RequestLog:
    """Where a sample of requests and answers goes (bigquery v2, `Dataset`), and for how long.

    They are private data: whoever may read the dataset reads every sampled prompt and answer.

    - `dataset`: 1 to 1024 letters, digits or underscores; it is made, in the endpoint's region.
    - `sampling_rate`: the fraction of requests that is logged, above 0 and at most 1; default 0.01.
    - `expiration_days`: when a partition is deleted or, where the table has none, the whole table. Default 30.
    """

    dataset: pulumi.Input[str]
    sampling_rate: float = 0.01
    expiration_days: int = 30


def log_requests(
    name: str,
    project: pulumi.Input[str],
    region: pulumi.Input[str],
    labels: Mapping[str, pulumi.Input[str]],
    log: RequestLog | None,
    parent: pulumi.Resource,
) -> gcp.vertex.AiEndpointPredictRequestResponseLoggingConfigArgs | None:
    """Makes the dataset below `parent`; what an endpoint takes as its `predict_request_response_logging_config`.

    At first the project's owners alone may read the dataset: not its viewers and editors, who could by BigQuery's own
    default. Vertex AI writes by its service agent's role. Grants of others stay. With tables in it, it is not deleted
    with the stack.
    """
    if log is None:
        return None
    dataset = gcp.bigquery.Dataset(
        name,
        project=project,
        dataset_id=log.dataset,
        location=region,
        description="Sampled requests to Vertex AI and their answers. Private data; expires by itself.",
        labels=labels or None,
        accesses=[gcp.bigquery.DatasetAccessArgs(role="OWNER", special_group="projectOwners")],
        # Of the two the second holds for a table that is partitioned, and its rows go by their own age; whether Vertex
        # AI makes one that is, its documents do not say.
        default_table_expiration_ms=log.expiration_days * _DAY_MS,
        default_partition_expiration_ms=log.expiration_days * _DAY_MS,
        delete_contents_on_destroy=False,
        opts=pulumi.ResourceOptions(
            parent=parent, ignore_changes=["accesses"], hooks=advise(f"{name}-dataset-advice", parent, _ADVICE)
        ),
    )
    table = pulumi.Output.format("bq://{0}.{1}.request_response_logging", project, dataset.dataset_id)
    return gcp.vertex.AiEndpointPredictRequestResponseLoggingConfigArgs(
        enabled=True,
        sampling_rate=log.sampling_rate,
        bigquery_destination=gcp.vertex.AiEndpointPredictRequestResponseLoggingConfigBigqueryDestinationArgs(
            output_uri=table
        ),
    )
