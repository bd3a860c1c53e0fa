"""Lets one Kubernetes service account act as one Google service account that may only predict. No key exists."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_gcp as gcp

from components.advice import advise

_ROLE_ADVICE = {
    "marked for deletion": (
        "the custom role {roleId} was deleted more than 7 days ago, and Google keeps its id until 37 days have passed: "
        "give another role_id (or another service account id, which the default is made of), or wait"
    ),
}
_POOL_ADVICE = {
    "Identity Pool does not exist": (
        "the workload identity pool of this project does not exist yet: Google makes it with the first GKE cluster "
        "that has Workload Identity on. Make that cluster, then run `pulumi up` again"
    ),
}


@dataclass(frozen=True, kw_only=True)
class WorkloadIdentityBindingArgs:
    """Who may act as whom.

    - `project`: the project's id. Its workload identity pool, PROJECT.svc.id.goog, exists once a GKE cluster of the
      project has had Workload Identity on; before that Google answers "Identity Pool does not exist".
    - `service_account_id`: 6 to 30 characters; default `gemini-inference-sa`.
    - `namespace`, `kubernetes_service_account`: the one Kubernetes service account that may act as it.
    - `role`: `predict-only` (default) makes a custom role with `aiplatform.endpoints.predict` alone;
      `roles/aiplatform.user` grants Google's role, which is much wider.
    - `role_id`: the custom role's id; default: the service account's id with underscores, and `_predict`. Google
      keeps a deleted role's id for 37 days: for 7 days this program brings the role back, after that, until the 37 are
      over, it needs another id.
    """

    project: pulumi.Input[str]
    namespace: pulumi.Input[str]
    kubernetes_service_account: pulumi.Input[str]
    service_account_id: pulumi.Input[str] = "gemini-inference-sa"
    role: Literal["predict-only", "roles/aiplatform.user"] = "predict-only"
    role_id: pulumi.Input[str] | None = None


class WorkloadIdentityBinding(pulumi.ComponentResource):
    """A service account, its role on the project, and `roles/iam.workloadIdentityUser` for one Kubernetes account.

    Grants are single members (IAMMember), so grants that others made on the same project stay untouched.

    Outputs: `service_account_email`, and `member` (serviceAccount:EMAIL).
    """

    def __init__(
        self, name: str, args: WorkloadIdentityBindingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gemini-vertex:components:WorkloadIdentityBinding", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = gcp.serviceaccount.Account(
            name,
            account_id=args.service_account_id,
            display_name="Gemini Inference Service Account",
            project=args.project,
            opts=child,
        )
        role: pulumi.Input[str] = args.role
        if args.role == "predict-only":
            role = gcp.projects.IAMCustomRole(
                f"{name}-predict",
                project=args.project,
                role_id=args.role_id or pulumi.Output.from_input(args.service_account_id).apply(predict_role_id),
                title="Vertex AI predict only",
                description="Calls Vertex AI endpoints; sees and changes nothing.",
                permissions=["aiplatform.endpoints.predict"],
                opts=pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-role-advice", self, _ROLE_ADVICE)),
            ).name
        self.member = account.email.apply(lambda email: f"serviceAccount:{email}")
        gcp.projects.IAMMember(f"{name}-predict", project=args.project, role=role, member=self.member, opts=child)
        gcp.serviceaccount.IAMMember(
            f"{name}-workload-identity",
            service_account_id=account.name,
            role="roles/iam.workloadIdentityUser",
            member=pulumi.Output.format(
                "serviceAccount:{0}.svc.id.goog[{1}/{2}]",
                args.project,
                args.namespace,
                args.kubernetes_service_account,
            ),
            opts=pulumi.ResourceOptions(parent=self, hooks=advise(f"{name}-pool-advice", self, _POOL_ADVICE)),
        )
        self.service_account_email = account.email
        self.register_outputs({"serviceAccountEmail": self.service_account_email, "member": self.member})


def predict_role_id(service_account_id: str) -> str:
    """A custom role's id for this account; role ids take no hyphens (iam v1 `projects.roles.create`)."""
    return f"{service_account_id.replace('-', '_')}_predict"
