"""Traffic between the models of one endpoint, told by the names that people gave them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi

from components.client_routes import EndpointRoute
from components.gemini_deployment import GeminiDeployment
from components.split_by_name import split_by_name
from components.vertex_endpoint import VertexEndpoint
from vertex_serving import TrafficSplit, TrafficTargetArgs


@dataclass(frozen=True)
class ModelTraffic:
    """What serves, and how.

    `live` is percent by model name as Google has it, `deployed_models` the deployed model's id by name and `names` the
    other way round, `host` what predictions are sent to, `resources` what must be there before it answers.
    """

    live: pulumi.Input[Mapping[str, int]]
    deployed_models: Mapping[str, pulumi.Output[str]]
    names: pulumi.Output[dict[str, str]]
    host: pulumi.Output[str]
    resources: Sequence[pulumi.Resource]

    def route(self, endpoint: VertexEndpoint, region: str, **how: Any) -> EndpointRoute:
        """The application's route to all of them; `how` are the fields of `EndpointRoute` that are not known here."""
        # A peered endpoint's address has a path of its own, which only `endpoints.get` tells.
        host = "" if endpoint.connectivity == "peered-network" else self.host
        return EndpointRoute(endpoint=endpoint.resource_name, location=region, host=host, models=self.names, **how)


def share_traffic(
    name: str,
    endpoint: VertexEndpoint,
    deployments: Mapping[str, GeminiDeployment],
    shares: Mapping[str, int],
    opts: pulumi.ResourceOptions | None = None,
) -> ModelTraffic:
    """One split, called `name`, that names all of `deployments` once they are up.

    `shares` are percent by the same names, 100 together. A peered endpoint holds one model, which gets all its traffic,
    and takes no split. `opts` are the split's.
    """
    ids = {model: deployment.deployed_model_id for model, deployment in deployments.items()}
    names = pulumi.Output.all(**ids).apply(lambda known: {number: model for model, number in known.items()})
    deployed = list(deployments.values())
    host = endpoint.host([deployment.private_host for deployment in deployed])
    if endpoint.connectivity == "peered-network":
        return ModelTraffic(dict(shares), ids, names, host, deployed)
    split = TrafficSplit(
        name,
        endpoint=endpoint.resource_name,
        targets={
            model: TrafficTargetArgs(deployed_model_id=number, percent=shares[model]) for model, number in ids.items()
        },
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=deployed)),
    )
    return ModelTraffic(split_by_name(split.traffic_split, ids), ids, names, host, [split])
