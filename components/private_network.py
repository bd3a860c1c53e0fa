"""The network and the subnetwork that private addresses are in: existing ones, or ones of the stack's own."""

from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from components.advice import advise


@dataclass(frozen=True, kw_only=True)
class PrivateNetworkArgs:
    """Which network (compute v1, `Network`, `Subnetwork`).

    - `project`, `region`: of the stack; a network of another project is named whole.
    - `network`: a name, or projects/PROJECT/global/networks/NAME; `subnetwork`: a name in `region`, in the network's
      project, or projects/PROJECT/regions/REGION/subnetworks/NAME.
    - `subnetwork_range`: IPv4 range in CIDR notation. Where it is given, network and subnetwork are made, with Private
      Google Access and no other subnetwork; default None: both exist.
    """

    project: pulumi.Input[str]
    region: pulumi.Input[str]
    network: pulumi.Input[str] = "default"
    subnetwork: pulumi.Input[str] = "default"
    subnetwork_range: pulumi.Input[str] | None = None


class PrivateNetwork(pulumi.ComponentResource):
    """A network to be private in. What it made goes with the stack, unless something of others is in it by then.

    Outputs: `network` (projects/…/global/networks/…), `network_project`, `subnetwork` (projects/…/regions/…).
    """

    def __init__(self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:PrivateNetwork", name, None, opts)
        network = pulumi.Output.all(args.project, args.network).apply(lambda parts: full_network(*parts))
        self.network_project = network.apply(lambda full: full.split("/")[1])
        subnetwork = pulumi.Output.all(self.network_project, args.region, args.subnetwork).apply(
            lambda parts: full_subnetwork(*parts)
        )
        known = pulumi.Output.all(network, subnetwork)
        if args.subnetwork_range is not None:
            own = pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-network-advice", self))
            made = gcp.compute.Network(
                f"{name}-network",
                name=_short(network),
                project=self.network_project,
                auto_create_subnetworks=False,
                opts=own,
            )
            within = gcp.compute.Subnetwork(
                f"{name}-subnetwork",
                name=_short(subnetwork),
                project=self.network_project,
                region=args.region,
                network=pulumi.Output.all(network, made.urn).apply(lambda parts: str(parts[0])),
                ip_cidr_range=args.subnetwork_range,
                private_ip_google_access=True,
                opts=own,
            )
            # The names are known at preview; whoever uses them comes after what they name.
            known = pulumi.Output.all(network, subnetwork, made.urn, within.urn)
        self.network = known.apply(lambda parts: str(parts[0]))
        self.subnetwork = known.apply(lambda parts: str(parts[1]))
        self.register_outputs({"network": self.network, "subnetwork": self.subnetwork})


def full_network(project: str, network: str) -> str:
    """projects/PROJECT/global/networks/NAME."""
    return network if network.startswith("projects/") else f"projects/{project}/global/networks/{network}"


def full_subnetwork(project: str, region: str, subnetwork: str) -> str:
    """projects/PROJECT/regions/REGION/subnetworks/NAME."""
    whole = subnetwork.startswith("projects/")
    return subnetwork if whole else f"projects/{project}/regions/{region}/subnetworks/{subnetwork}"


def _short(full: pulumi.Output[str]) -> pulumi.Output[str]:
    return full.apply(lambda path: path.rpartition("/")[2])
