"""The application's key of the Gemini Developer API: kept where only the application reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pulumi
import pulumi_gcp as gcp

from components.advice import advise

if TYPE_CHECKING:
    from pulumi_kubernetes import Provider

FIELD = "apiKey"
_ADVICE = {
    "PERMISSION_DENIED|Error 403|refused with 403": (
        "your account may not manage secrets in project {project}: it needs roles/secretmanager.admin there"
    ),
}


@dataclass(frozen=True, kw_only=True)
class FallbackKeyArgs:
    """The key and its place.

    - `api_key`: the key; it is made a Pulumi secret here whatever it was before.
    - `store`: `secret-manager` (default), read by `reader` alone, or `kubernetes`, a Secret in `namespace`.
    - `name`: of the secret there; default `gemini-developer-api-key`.
    - `project`, `reader` (serviceAccount:EMAIL): of Secret Manager.
    - `labels`: on the secret there; default none.
    - `namespace`, `cluster` (a provider whose `enable_secret_mutable` is set): of Kubernetes.
    """

    api_key: pulumi.Input[str]
    store: Literal["secret-manager", "kubernetes"] = "secret-manager"
    name: pulumi.Input[str] = "gemini-developer-api-key"
    project: pulumi.Input[str] | None = None
    reader: pulumi.Input[str] | None = None
    namespace: pulumi.Input[str] | None = None
    cluster: "Provider | None" = None
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


class FallbackKey(pulumi.ComponentResource):
    """The key, encrypted in the stack's state, and in no output.

    Output: `secret_version`: with Secret Manager projects/P/secrets/S/versions/latest, for the application's routes; it
    stays when the key changes. With Kubernetes None, since the pod's own manifest refers to the Secret (key `apiKey`).
    """

    def __init__(self, name: str, args: FallbackKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:FallbackKey", name, None, opts)
        self.secret_version: pulumi.Output[str] | None = None
        if args.store == "kubernetes":
            self._in_kubernetes(name, args)
        else:
            self._in_secret_manager(name, args)
        self.register_outputs({"secretVersion": self.secret_version})

    def _in_kubernetes(self, name: str, args: FallbackKeyArgs) -> None:
        from pulumi_kubernetes.core.v1 import Secret
        from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

        Secret(
            name,
            metadata=ObjectMetaArgs(name=args.name, namespace=args.namespace),
            type="Opaque",
            string_data=pulumi.Output.secret({FIELD: args.api_key}),
            opts=pulumi.ResourceOptions(parent=self, provider=args.cluster, hooks=advise(f"{name}-advice", self)),
        )

    def _in_secret_manager(self, name: str, args: FallbackKeyArgs) -> None:
        child = pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-secret-advice", self, _ADVICE))
        secret = gcp.secretmanager.Secret(
            name,
            project=args.project,
            secret_id=args.name,
            labels=args.labels or None,
            replication=gcp.secretmanager.SecretReplicationArgs(auto=gcp.secretmanager.SecretReplicationAutoArgs()),
            opts=child,
        )
        gcp.secretmanager.SecretVersion(
            name,
            secret=secret.id,
            secret_data=pulumi.Output.secret(args.api_key),
            opts=child,
        )
        if args.reader is not None:
            gcp.secretmanager.SecretIamMember(
                f"{name}-reader",
                project=args.project,
                secret_id=secret.secret_id,
                role="roles/secretmanager.secretAccessor",
                member=args.reader,
                opts=child,
            )
        self.secret_version = pulumi.Output.format("projects/{0}/secrets/{1}/versions/latest", args.project, args.name)
