"""The annotated Kubernetes ServiceAccount: applied to a cluster, or rendered for someone else to apply."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pulumi

from components.advice import advise
from components.manifest_file import write_manifest

if TYPE_CHECKING:
    from pulumi_kubernetes import Provider

ANNOTATION = "iam.gke.io/gcp-service-account"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster to apply to: `context` of `kubeconfig` (a path or the file's content; default: kubectl's own)."""

    context: pulumi.Input[str]
    kubeconfig: pulumi.Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class KsaManifestArgs:
    """The ServiceAccount and where it goes.

    - `name`, `namespace`: DNS-1123 names.
    - `service_account_email`: the Google service account that it acts as; default None: it has a role of its own, and
      no annotation.
    - `cluster`: apply it there; default None: it is only rendered.
    - `create_namespace`: whether the namespace is made too (and deleted with the stack); default False.
    - `path`: a file that `pulumi up` writes the manifest to where no cluster is named; default None: no file.
    """

    name: pulumi.Input[str]
    namespace: pulumi.Input[str]
    service_account_email: pulumi.Input[str] | None = None
    cluster: Cluster | None = None
    create_namespace: bool = False
    path: Path | None = None


class KsaManifest(pulumi.ComponentResource):
    """A Kubernetes ServiceAccount, annotated with the Google service account that its pods act as where they do.

    Outputs: `manifest`, the YAML, whether it was applied or not; `provider`, the cluster's, for what else goes there
    (its ConfigMaps and Secrets change in place), None where no cluster is named.
    """

    def __init__(self, name: str, args: KsaManifestArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:KsaManifest", name, None, opts)
        parts = pulumi.Output.all(args.name, args.namespace, args.service_account_email)
        self.manifest = parts.apply(lambda known: render(known[0], known[1], known[2], args.create_namespace))
        self.provider = args.cluster and self._apply(name, args, args.cluster)
        if args.cluster is None and args.path is not None:
            write_manifest(args.path, self.manifest)
        self.register_outputs({"manifest": self.manifest})

    def _apply(self, name: str, args: KsaManifestArgs, cluster: Cluster) -> "Provider":
        # A second of import, spent only where a cluster is named.
        from pulumi_kubernetes import Provider
        from pulumi_kubernetes.core.v1 import Namespace, ServiceAccount
        from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

        provider = Provider(
            f"{name}-cluster",
            context=cluster.context,
            # Its content may hold credentials; a secret stays encrypted in the state.
            kubeconfig=None if cluster.kubeconfig is None else pulumi.Output.secret(cluster.kubeconfig),
            enable_config_map_mutable=True,
            enable_secret_mutable=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        depends_on: list[pulumi.Resource] = []
        hooks = advise(f"{name}-advice", self)
        if args.create_namespace:
            metadata = ObjectMetaArgs(name=args.namespace)
            options = pulumi.ResourceOptions(parent=self, provider=provider, hooks=hooks)
            depends_on.append(Namespace(f"{name}-namespace", metadata=metadata, opts=options))
        ServiceAccount(
            name,
            metadata=ObjectMetaArgs(
                name=args.name,
                namespace=args.namespace,
                annotations=None if args.service_account_email is None else {ANNOTATION: args.service_account_email},
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=provider, depends_on=depends_on, hooks=hooks),
        )
        return provider


def render(name: str, namespace: str, service_account_email: str | None, with_namespace: bool) -> str:
    """The manifest as YAML, the same text for the same arguments."""
    import yaml

    annotations = {"annotations": {ANNOTATION: service_account_email}} if service_account_email else {}
    metadata = {"name": name, "namespace": namespace, **annotations}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    return yaml.safe_dump_all([space, account] if with_namespace else [account], sort_keys=False, width=1000)
