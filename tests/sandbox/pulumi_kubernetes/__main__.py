"""The kinds of this stack, through an explicit provider as KsaManifest has it, and one through the default provider."""

import pulumi
import pulumi_kubernetes as kubernetes

words = pulumi.Config().get("words") or "first"
cluster = kubernetes.Provider("cluster", context="sandbox")
inside = pulumi.ResourceOptions(provider=cluster)
namespace = kubernetes.core.v1.Namespace("production", metadata={"name": "production"}, opts=inside)
kubernetes.core.v1.ServiceAccount(
    "gemini-app",
    metadata={
        "name": "gemini-app",
        "namespace": namespace.metadata["name"],
        "annotations": {
            "iam.gke.io/gcp-service-account": "gemini-inference-sa@sandbox-project.iam.gserviceaccount.com"
        },
        "labels": {"words": words},
    },
    opts=inside,
)
kubernetes.core.v1.ServiceAccount(
    "by-default", metadata={"annotations": {"words": words}}, automount_service_account_token=words == "first"
)
