"""Components of a Gemini system on Vertex AI; each can be used alone.

They take typed arguments and `pulumi.Input`s, read no configuration and print nothing.
"""

from components.client_routes import ClientRoutes, ClientRoutesArgs, DeveloperApi, EndpointRoute, ManagedRoute
from components.endpoint_address import EndpointAddress, EndpointAddressArgs
from components.fallback_key import FallbackKey, FallbackKeyArgs
from components.gemini_deployment import AutoscalingMetric, GeminiDeployment, GeminiDeploymentArgs
from components.ksa_manifest import Cluster, KsaManifest, KsaManifestArgs
from components.model_traffic import ModelTraffic, share_traffic
from components.observability import (
    LoggedModel,
    Observability,
    ObservabilityArgs,
    RequestLog,
    RequestLogArgs,
    WatchedEndpoint,
    WatchedModel,
)
from components.private_apis import PrivateApis, PrivateApisArgs
from components.private_connectivity import PrivateConnectivity, PrivateConnectivityArgs
from components.private_network import PrivateNetwork, PrivateNetworkArgs
from components.project_services import ProjectServices, ProjectServicesArgs
from components.service_access import (
    PrivateServicesAccess,
    PrivateServicesAccessArgs,
    VertexConnectionPolicy,
    VertexConnectionPolicyArgs,
)
from components.service_perimeter import ServicePerimeter, ServicePerimeterArgs
from components.split_by_name import split_by_name
from components.vertex_endpoint import VertexEndpoint, VertexEndpointArgs
from components.workload_identity_binding import WorkloadIdentityBinding, WorkloadIdentityBindingArgs

__all__ = [
    "AutoscalingMetric",
    "ClientRoutes",
    "ClientRoutesArgs",
    "Cluster",
    "DeveloperApi",
    "EndpointAddress",
    "EndpointAddressArgs",
    "EndpointRoute",
    "FallbackKey",
    "FallbackKeyArgs",
    "GeminiDeployment",
    "GeminiDeploymentArgs",
    "KsaManifest",
    "KsaManifestArgs",
    "LoggedModel",
    "ManagedRoute",
    "ModelTraffic",
    "Observability",
    "ObservabilityArgs",
    "PrivateApis",
    "PrivateApisArgs",
    "PrivateConnectivity",
    "PrivateConnectivityArgs",
    "PrivateNetwork",
    "PrivateNetworkArgs",
    "PrivateServicesAccess",
    "PrivateServicesAccessArgs",
    "ProjectServices",
    "ProjectServicesArgs",
    "RequestLog",
    "RequestLogArgs",
    "ServicePerimeter",
    "ServicePerimeterArgs",
    "VertexConnectionPolicy",
    "VertexConnectionPolicyArgs",
    "VertexEndpoint",
    "VertexEndpointArgs",
    "WatchedEndpoint",
    "WatchedModel",
    "WorkloadIdentityBinding",
    "WorkloadIdentityBindingArgs",
    "share_traffic",
    "split_by_name",
]
