"""A stand-in for the pulumi-gcp plugin: these resources, with the plugin's REST calls, against the sandbox."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.standin.gcp.access_policy import AccessPolicy
from sandbox.standin.gcp.ai_endpoint import AiEndpoint
from sandbox.standin.gcp.alert_policy import AlertPolicy, NotificationChannel
from sandbox.standin.gcp.cloud import Cloud
from sandbox.standin.gcp.compute import Address, ForwardingRule, GlobalAddress, GlobalForwardingRule, Subnetwork
from sandbox.standin.gcp.connections import Connection, ServiceConnectionPolicy
from sandbox.standin.gcp.custom_role import IamCustomRole
from sandbox.standin.gcp.dashboard import Dashboard
from sandbox.standin.gcp.dataset import Dataset
from sandbox.standin.gcp.dns import ManagedZone, RecordSet
from sandbox.standin.gcp.iam_member import ProjectIamMember, ServiceAccountIamMember
from sandbox.standin.gcp.network import Network, get_network
from sandbox.standin.gcp.objectives import CustomService, Slo
from sandbox.standin.gcp.project import get_project
from sandbox.standin.gcp.secret import Secret, SecretIamMember, SecretVersion
from sandbox.standin.gcp.service import Service
from sandbox.standin.gcp.service_account import Account
from sandbox.standin.gcp.service_perimeter import ServicePerimeter
from sandbox.standin.resource import Resource
from sandbox.standin.servicer import Provider

RESOURCES: Mapping[str, Resource[Cloud]] = {
    "gcp:accesscontextmanager/accessPolicy:AccessPolicy": AccessPolicy(),
    "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter": ServicePerimeter(),
    "gcp:bigquery/dataset:Dataset": Dataset(),
    "gcp:compute/address:Address": Address(),
    "gcp:compute/forwardingRule:ForwardingRule": ForwardingRule(),
    "gcp:compute/globalAddress:GlobalAddress": GlobalAddress(),
    "gcp:compute/globalForwardingRule:GlobalForwardingRule": GlobalForwardingRule(),
    "gcp:compute/network:Network": Network(),
    "gcp:compute/subnetwork:Subnetwork": Subnetwork(),
    "gcp:dns/managedZone:ManagedZone": ManagedZone(),
    "gcp:dns/recordSet:RecordSet": RecordSet(),
    "gcp:networkconnectivity/serviceConnectionPolicy:ServiceConnectionPolicy": ServiceConnectionPolicy(),
    "gcp:monitoring/alertPolicy:AlertPolicy": AlertPolicy(),
    "gcp:monitoring/customService:CustomService": CustomService(),
    "gcp:monitoring/dashboard:Dashboard": Dashboard(),
    "gcp:monitoring/notificationChannel:NotificationChannel": NotificationChannel(),
    "gcp:monitoring/slo:Slo": Slo(),
    "gcp:projects/iAMCustomRole:IAMCustomRole": IamCustomRole(),
    "gcp:projects/iAMMember:IAMMember": ProjectIamMember(),
    "gcp:projects/service:Service": Service(),
    "gcp:secretmanager/secret:Secret": Secret(),
    "gcp:secretmanager/secretIamMember:SecretIamMember": SecretIamMember(),
    "gcp:secretmanager/secretVersion:SecretVersion": SecretVersion(),
    "gcp:serviceaccount/account:Account": Account(),
    "gcp:serviceaccount/iAMMember:IAMMember": ServiceAccountIamMember(),
    "gcp:servicenetworking/connection:Connection": Connection(),
    "gcp:vertex/aiEndpoint:AiEndpoint": AiEndpoint(),
}


def provider(sandbox_url: str, environ: Mapping[str, str]) -> Provider[Cloud]:
    """The provider; ``environ`` stands for the plugin's environment (GOOGLE_PROJECT and the like)."""
    return Provider(
        "gcp",
        RESOURCES,
        connect=lambda config, cancelled: Cloud(sandbox_url, config, environ, cancelled),
        invokes={
            "gcp:compute/getNetwork:getNetwork": get_network,
            "gcp:organizations/getProject:getProject": get_project,
        },
    )
