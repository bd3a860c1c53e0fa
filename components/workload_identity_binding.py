"""Lets one Kubernetes service account predict, as itself or as a Google service account. No key exists."""

from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_gcp as gcp

from components.advice import advise
from components.project_lookup import look_up

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
    - `namespace`, `kubernetes_service_account`: the one Kubernetes service account that may predict.
    - `grant`: `impersonation` (default) makes a Google service account, gives it the role, and lets the Kubernetes
      account act as it, for which that one must be annotated; `direct` gives the role to the Kubernetes account itself,
      principal://…/subject/ns/NAMESPACE/sa/ACCOUNT: no Google account, no annotation.
    - `service_account_id`: 6 to 30 characters; default `gemini-inference-sa`; not made with a direct grant.
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
    grant: Literal["impersonation", "direct"] = "impersonation"


class WorkloadIdentityBinding(pulumi.ComponentResource):
    """A role on the project for one Kubernetes service account: through a Google one that it acts as, or directly.

    Grants are single members (IAMMember), so grants that others made on the same project stay untouched.

    Outputs: `service_account_email` ("" with a direct grant), and `member`, which predictions are made as
    (serviceAccount:EMAIL or principal://…).
    """

    def __init__(
        self, name: str, args: WorkloadIdentityBindingArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("gemini-vertex:components:WorkloadIdentityBinding", name, None, opts)
        lacking = advise(f"{name}-advice", self, _POOL_ADVICE)
        child = pulumi.ResourceOptions(parent=self, hooks=lacking)
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
        if args.grant == "direct":
            self.service_account_email = pulumi.Output.from_input("")
            number = look_up(args.project, self, opts).number
            self.member = pulumi.Output.all(
                number, args.project, args.namespace, args.kubernetes_service_account
            ).apply(lambda parts: principal(*parts))
        else:
            account = self._account(name, args, child)
            self.service_account_email = account.email
            self.member = account.email.apply(lambda email: f"serviceAccount:{email}")
        gcp.projects.IAMMember(f"{name}-predict", project=args.project, role=role, member=self.member, opts=child)
        self.register_outputs({"serviceAccountEmail": self.service_account_email, "member": self.member})

    def _account(
        self, name: str, args: WorkloadIdentityBindingArgs, child: pulumi.ResourceOptions
    ) -> gcp.serviceaccount.Account:
        account = gcp.serviceaccount.Account(
            name,
            account_id=args.service_account_id,
            display_name="Gemini Inference Service Account",
            project=args.project,
            opts=child,
        )
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
            opts=child,
        )
        return account


def principal(project_number: str, project: str, namespace: str, kubernetes_service_account: str) -> str:
    """A Kubernetes service account as IAM names it (GKE docs, concepts/workload-identity, principal ids)."""
    pool = f"projects/{project_number}/locations/global/workloadIdentityPools/{project}.svc.id.goog"
    return f"principal://iam.googleapis.com/{pool}/subject/ns/{namespace}/sa/{kubernetes_service_account}"


def predict_role_id(service_account_id: str) -> str:
    """A custom role's id for this account; role ids take no hyphens (iam v1 `projects.roles.create`)."""
    return f"{service_account_id.replace('-', '_')}_predict"
