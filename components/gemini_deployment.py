"""One model deployed on one endpoint, without traffic until a split names it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi

import vertex_serving

# Real deployments take 5 to 60 minutes; the API's own limit is 2 hours.
DEFAULT_TIMEOUT = "60m"


@dataclass(frozen=True, kw_only=True)
class AutoscalingMetric:
    """A metric that replicas follow (v1 `AutoscalingMetricSpec`).

    `target` is a percentage, 1 to 100, for utilisation metrics, else a count per replica; default 60.
    """

    metric_name: pulumi.Input[str]
    target: pulumi.Input[int] = 60


@dataclass(frozen=True, kw_only=True)
class GeminiDeploymentArgs:
    """What is deployed where, on how many machines (v1 `endpoints.deployModel`).

    - `project`, `region`: of the model, where `model` is a bare number or id.
    - `endpoint`: projects/PROJECT/locations/REGION/endpoints/NUMBER.
    - `model`: a model of the project (number or id, with `@version` if wanted), its full name, or a Gemini id, which
      stands for publishers/google/models/ID (Google itself serves base Gemini only as a managed API).
    - `display_name`: shown by Google and used by the traffic split.
    - `machine_type`: of one replica; None (default) for a tuned Gemini, which runs on Google's shared machines, on a
      public endpoint that is not dedicated, and takes nothing of the next three lines.
    - `accelerator_type` and `accelerator_count`: none by default.
    - `min_replica_count`: at least 1, default 1; `max_replica_count`: default: the same.
    - `autoscaling_metrics`: default: Google's own, 60 % of CPU and, where there is one, of the accelerator.
    - `timeout`: how long to wait for the deployment, such as `90m`; `customTimeouts` in the options go before it.
    """

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    endpoint: pulumi.Input[str]
    model: pulumi.Input[str]
    display_name: pulumi.Input[str]
    machine_type: pulumi.Input[str] | None = None
    min_replica_count: pulumi.Input[int] | None = None
    max_replica_count: pulumi.Input[int] | None = None
    accelerator_type: pulumi.Input[str] | None = None
    accelerator_count: pulumi.Input[int] | None = None
    autoscaling_metrics: Sequence[AutoscalingMetric] = ()
    timeout: str = DEFAULT_TIMEOUT


class GeminiDeployment(pulumi.ComponentResource):
    """A deployed model. Replica bounds and metrics change in place; another model or machine is a new deployment,
    made before the old one goes (with the option `delete_before_replace` after it: a peered endpoint holds only one).

    Outputs: `deployed_model_id`, `model` (its full name), `private_host`: the host, and port if any, on which a
    private endpoint answers once this model is up ("" on a public one).
    """

    def __init__(self, name: str, args: GeminiDeploymentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:GeminiDeployment", name, None, opts)
        self.args = args
        full_name = pulumi.Output.all(args.model, args.project, args.region).apply(lambda parts: model_name(*parts))
        timeouts = (opts.custom_timeouts if opts else None) or pulumi.CustomTimeouts(
            create=args.timeout, update=args.timeout, delete=args.timeout
        )
        self.deployed_model = vertex_serving.DeployedModel(
            name,
            endpoint=args.endpoint,
            model=full_name,
            display_name=args.display_name,
            machine_type=args.machine_type,
            accelerator_type=args.accelerator_type,
            accelerator_count=args.accelerator_count,
            min_replica_count=args.min_replica_count,
            max_replica_count=args.max_replica_count,
            autoscaling_metric_specs=[
                vertex_serving.AutoscalingMetricSpecArgs(metric_name=metric.metric_name, target=metric.target)
                for metric in args.autoscaling_metrics
            ]
            or None,
            opts=pulumi.ResourceOptions(
                parent=self,
                custom_timeouts=timeouts,
                delete_before_replace=opts.delete_before_replace if opts else None,
            ),
        )
        self.deployed_model_id = self.deployed_model.deployed_model_id
        self.model = self.deployed_model.model
        self.private_host = pulumi.Output.all(
            self.deployed_model.private_service_connect_address, self.deployed_model.predict_http_uri
        ).apply(lambda parts: parts[0] or urlsplit(parts[1] or "").netloc)
        self.register_outputs(
            {
                "deployedModelId": self.deployed_model_id,
                "model": self.model,
                "privateHost": self.private_host,
            }
        )


def model_name(model: str, project: str, region: str) -> str:
    """The API's name of `model`: full names stay, Gemini ids become Google's, all else is the project's own."""
    if "/" in model:
        return model
    if re.fullmatch(r"gemini-[A-Za-z0-9.-]+", model):
        return f"publishers/google/models/{model}"
    return f"projects/{project}/locations/{region}/models/{model}"
