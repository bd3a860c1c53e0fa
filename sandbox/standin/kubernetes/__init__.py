"""A stand-in for the pulumi-kubernetes plugin: these kinds, with the plugin's calls, against the sandbox."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.standin.kubernetes.cluster import Cluster, replaced_by
from sandbox.standin.kubernetes.objects import KubernetesObject
from sandbox.standin.servicer import Provider


def provider(sandbox_url: str, environ: Mapping[str, str]) -> Provider[Cluster]:
    """The provider; ``environ`` stands for the plugin's environment (KUBECONFIG)."""
    return Provider(
        "kubernetes",
        {
            "kubernetes:core/v1:Namespace": KubernetesObject("Namespace", "namespaces", ("spec",), namespaced=False),
            "kubernetes:core/v1:ServiceAccount": KubernetesObject(
                "ServiceAccount",
                "serviceaccounts",
                ("automountServiceAccountToken", "imagePullSecrets", "secrets"),
                namespaced=True,
            ),
            "kubernetes:core/v1:ConfigMap": KubernetesObject(
                "ConfigMap", "configmaps", ("data", "binaryData", "immutable"), namespaced=True
            ),
            "kubernetes:core/v1:Secret": KubernetesObject(
                "Secret", "secrets", ("data", "stringData", "immutable", "type"), namespaced=True
            ),
        },
        connect=lambda config, cancelled: Cluster(sandbox_url, config, environ, cancelled),
        replaces_provider=replaced_by,
    )
