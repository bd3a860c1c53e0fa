"""What a stack's configuration says, checked and typed.

The fields of a section are named as the arguments of the component that it is for, so that `vars(section)` gives them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Environment = Literal["dev", "prod"]
Connectivity = Literal["public", "private-service-connect", "peered-network"]
PerimeterMode = Literal["off", "dry-run", "enforced"]
PredictRole = Literal["predict-only", "roles/aiplatform.user"]
Grant = Literal["impersonation", "direct"]


@dataclass(frozen=True)
class EndpointSettings:
    """`gemini-vertex:endpoint`. `dedicated` tells a public endpoint with a DNS name of its own from a shared one."""

    display_name: str
    connectivity: Connectivity
    network: str
    dedicated: bool


@dataclass(frozen=True)
class AutoscalingMetricSettings:
    """One metric that replicas follow. `target` is a percentage for utilisation metrics, else a count per replica."""

    metric_name: str
    target: int


@dataclass(frozen=True)
class DeploymentSettings:
    """One entry of `gemini-vertex:models`, but for its traffic.

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
class Settings:
    """One stack's settings.

    `traffic` is percent by model name, 100 together. `warnings` are sentences worth showing that stop nothing.
    """

    project: str
    region: str
    environment: Environment
    endpoint: EndpointSettings
    models: tuple[DeploymentSettings, ...]
    traffic: Mapping[str, int]
    workload_identity: WorkloadIdentitySettings
    kubernetes: KubernetesSettings | None
    perimeter: PerimeterSettings
    labels: Mapping[str, str]
    warnings: tuple[str, ...]
