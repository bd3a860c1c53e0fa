"""KsaManifest alone: rendered, written or applied."""

from pathlib import Path
from typing import Any

import pulumi

import components as parts
from tests.unit.recorder import Recorder, record


def manifest(preview: bool = False, **changes: Any) -> Recorder:
    """A KsaManifest changed by `changes`, with its output."""

    def program() -> dict[str, Any]:
        args = {"name": "gemini-app", "namespace": "production", "service_account_email": "a@b.c", **changes}
        return {"manifest": parts.KsaManifest("ksa", parts.KsaManifestArgs(**args)).manifest}

    return record(program, preview=preview)


RENDERED = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: gemini-app
  namespace: production
  annotations:
    iam.gke.io/gcp-service-account: a@b.c
"""


def test_without_a_cluster_the_manifest_is_rendered(tmp_path: Path) -> None:
    """The article's k8s/serviceaccount.yaml; nothing is registered but the component."""
    path = tmp_path / "k8s" / "serviceaccount.yaml"
    done = manifest(path=path)
    assert done.outputs["manifest"] == path.read_text(encoding="utf-8") == RENDERED
    assert [resource.typ for resource in done.resources] == ["gemini-vertex:components:KsaManifest"]


def test_an_account_with_a_role_of_its_own_has_no_annotation() -> None:
    """Rendered and applied alike."""
    done = manifest(service_account_email=None)
    assert done.outputs["manifest"] == RENDERED.partition("  annotations:")[0]
    applied = manifest(service_account_email=None, cluster=parts.Cluster(context="mine"))
    assert applied.one("core/v1:ServiceAccount").inputs["metadata"] == {"name": "gemini-app", "namespace": "production"}


def test_the_file_is_left_alone_while_it_is_right(tmp_path: Path) -> None:
    """A second `pulumi up` does not touch it."""
    path = tmp_path / "serviceaccount.yaml"
    path.write_text(RENDERED, encoding="utf-8")
    path.chmod(0o400)
    before = path.stat().st_mtime_ns
    manifest(path=path)
    assert path.stat().st_mtime_ns == before


def test_a_preview_writes_nothing(tmp_path: Path) -> None:
    """Previews change nothing."""
    path = tmp_path / "serviceaccount.yaml"
    assert manifest(preview=True, path=path).outputs["manifest"] == RENDERED
    assert not path.exists()


def test_with_a_cluster_the_account_is_applied() -> None:
    """Through a provider of its own, its kubeconfig a secret; the namespace only on request."""
    done = manifest(cluster=parts.Cluster(context="mine", kubeconfig="/kube/config"))
    provider = done.one("pulumi:providers:kubernetes")
    assert provider.inputs["context"] == "mine"
    assert (provider.inputs["enableConfigMapMutable"], provider.inputs["enableSecretMutable"]) == ("true", "true")
    assert pulumi.runtime.rpc.is_rpc_secret(provider.inputs["kubeconfig"])
    assert pulumi.runtime.rpc.unwrap_rpc_secret(provider.inputs["kubeconfig"]) == "/kube/config"
    account = done.one("core/v1:ServiceAccount")
    assert account.inputs["metadata"] == {
        "name": "gemini-app",
        "namespace": "production",
        "annotations": {"iam.gke.io/gcp-service-account": "a@b.c"},
    }
    assert (account.provider or "").endswith(f"{provider.name}::{provider.name}-id")
    assert done.of(":Namespace") == []
    assert done.outputs["manifest"] == RENDERED


def test_a_namespace_is_made_on_request() -> None:
    """And stands in the manifest too."""
    done = manifest(cluster=parts.Cluster(context="mine"), create_namespace=True)
    assert done.one("core/v1:Namespace").inputs["metadata"] == {"name": "production"}
    assert done.outputs["manifest"] == (
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: production\n---\n" + RENDERED
    )
