"""What a stack's configuration says, checked and typed.

The fields of a section are named as the arguments of the component that it is for, so that `vars(section)` gives them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from settings.observability import ObservabilitySettings

Environment = Literal["dev", "prod"]
Connectivity = Literal["public", "private-service-connect", "peered-network"]
PerimeterMode = Literal["off", "dry-run", "enforced"]
PredictRole = Literal["predict-only", "roles/aiplatform.user"]
Grant = Literal["impersonation", "direct"]
Serving = Literal["endpoint", "managed"]
Throughput = Literal["dedicated", "shared"]
RouteScheme = Literal["http", "https"]
RouteApi = Literal["generateContent", "predict", "rawPredict", "chatCompletions"]
AddressKind = Literal["automatic", "forwarding-rule"]
KeyStore = Literal["kubernetes", "secret-manager"]


@dataclass(frozen=True)
class EndpointSettings:
    """`gemini-vertex:endpoint`. `dedicated` tells a public endpoint with a DNS name of its own from a shared one."""

    display_name: str
    connectivity: Connectivity
    network: str
    dedicated: bool
    address: AddressKind


@dataclass(frozen=True)
class AutoscalingMetricSettings:
    """One metric that replicas follow. `target` is a percentage for utilisation metrics, else a count per replica."""

    metric_name: str
    target: int


@dataclass(frozen=True)
class DeploymentSettings:
    """One entry of `gemini-vertex:models` that is deployed on the endpoint, but for its traffic.

    Replica counts are machines, each at least 1; they and `machine_type` are None for a model on Google's shared ones.
    """

    display_name: str
    model: str
    min_replica_count: int | None
    max_replica_count: int | None
    machine_type: str | None
    accelerator_type: str | None
    accelerator_count: int | None
    autoscaling_metrics: tuple[AutoscalingMetricSettings, ...]


@dataclass(frozen=True)
class EndpointRouteSettings:
    """How the application reaches all models on the endpoint: one route, since Google splits behind it.

    `weight` is the sum of their traffic in percent, `fallback_order` its place among the routes, 1 first.
    """

    name: str
    api: RouteApi
    scheme: RouteScheme
    weight: int
    fallback_order: int


@dataclass(frozen=True)
class ManagedModelSettings:
    """One entry of `gemini-vertex:models` with `serving: managed`: a route of the application, nothing is deployed.

    `model` is Google's id, `location` global, us, eu or a region, `weight` percent, `fallback_order` the place among
    the routes, 1 first. `throughput` is None for Google's default: purchased throughput first, then the shared quota.
    """

    name: str
    model: str
    location: str
    weight: int
    throughput: Throughput | None
    fallback_order: int


@dataclass(frozen=True)
class KeyPlaceSettings:
    """Where the application finds the Developer API's key, and what it is called there."""

    store: KeyStore
    name: str


@dataclass(frozen=True)
class FallbackBoundsSettings:
    """The most that each process of the application asks of the Developer API; None leaves it to the client."""

    requests_per_minute: int | None
    concurrency: int | None


@dataclass(frozen=True)
class FallbackSettings:
    """`gemini-vertex:fallback`, but for the key itself: see `settings.fallback_api_key`."""

    model: str
    kept: KeyPlaceSettings
    bounds: FallbackBoundsSettings


@dataclass(frozen=True)
class WorkloadIdentitySettings:
    """`gemini-vertex:workloadIdentity`. With a `direct` grant no account is made; its id still names the role."""

    service_account_id: str
    namespace: str
    kubernetes_service_account: str
    role: PredictRole
    grant: Grant


@dataclass(frozen=True)
class KubernetesSettings:
    """`gemini-vertex:kubernetes`. `kubeconfig` is a path or the file's content, None for the environment's own."""

    context: str
    kubeconfig: str | None
    create_namespace: bool


@dataclass(frozen=True)
class PerimeterSettings:
    """`gemini-vertex:perimeter`. `organization` and `access_policy` are bare numbers, None where not given."""

    mode: PerimeterMode
    perimeter_id: str
    title: str
    organization: str | None
    access_policy: str | None
    policy_title: str
    access_levels: tuple[str, ...]


@dataclass(frozen=True)
class PrivateSettings:
    """What the stack makes so that calls stay private; `subnetwork_range` is None where the network exists.

    `api_domains` are the names that lead to `api_address` in the network, none where Google's APIs are called as ever.
    """

    network: str
    subnetwork: str
    subnetwork_range: str | None
    address: AddressKind
    create_connection_policy: bool
    create_private_services_access: bool
    api_domains: tuple[str, ...]
    api_address: str

    @property
    def apis(self) -> list[str]:
        """The Google APIs that make it."""
        needed = {
            "networkconnectivity": self.create_connection_policy,
            "servicenetworking": self.create_private_services_access,
            "dns": self.address == "forwarding-rule" or bool(self.api_domains),
            "servicedirectory": bool(self.api_domains),
        }
        return [api for api, wanted in needed.items() if wanted]


@dataclass(frozen=True)
class Settings:
    """One stack's settings.

    `traffic` is percent by model name as configured, 100 together; `endpoint_split` are the shares of the models on the
    endpoint, scaled to 100. `models` are on the endpoint, `managed` are not; `endpoint` and `endpoint_route` are None
    where every model is managed. `protect`: the endpoint, its split and the perimeter refuse to be deleted.
    `expected_requests_per_minute` are the application's, all models together, None where nobody says. `warnings` are
    sentences worth showing that stop nothing.
    """

    project: str
    region: str
    environment: Environment
    endpoint: EndpointSettings | None
    endpoint_route: EndpointRouteSettings | None
    models: tuple[DeploymentSettings, ...]
    managed: tuple[ManagedModelSettings, ...]
    traffic: Mapping[str, int]
    endpoint_split: Mapping[str, int]
    fallback: FallbackSettings | None
    workload_identity: WorkloadIdentitySettings
    kubernetes: KubernetesSettings | None
    perimeter: PerimeterSettings
    private: PrivateSettings | None
    protect: bool
    expected_requests_per_minute: int | None
    labels: Mapping[str, str]
    observability: ObservabilitySettings | None
    warnings: tuple[str, ...]

    @property
    def apis(self) -> tuple[str, ...]:
        """The Google APIs that this stack calls; the first four are the article's."""
        apis = ["aiplatform", "compute", "container", "cloudresourcemanager", "iam", "iamcredentials"]
        if self.perimeter.mode != "off":
            apis.append("accesscontextmanager")
        if self.fallback and self.fallback.kept.store == "secret-manager":
            apis.append("secretmanager")
        if self.private:
            apis += self.private.apis
        if self.observability:
            apis += ["monitoring", "logging", *(["bigquery"] if self.observability.request_logging else [])]
        return tuple(f"{api}.googleapis.com" for api in apis)
