"""Workload Identity Federation for GKE: who a pod is, and which token its metadata server gives it.

A pod is its Kubernetes service account. Where that account is annotated with a Google service account, the pod gets
tokens of that one, if the policy of the Google account lets the pod; where it is not, the pod calls as itself,
principal://…/subject/ns/NS/sa/KSA, and has what policies grant to that.

Rules and words: cloud.google.com/kubernetes-engine/docs/how-to/workload-identity and /concepts/workload-identity.
"""

import re
from typing import TYPE_CHECKING

from sandbox.errors import GoogleError, Json, error_info, not_found
from sandbox.identity import Principal, token_for
from sandbox.services import iam_policies
from sandbox.services.kubernetes.kinds import SERVICE_ACCOUNT

if TYPE_CHECKING:
    from sandbox.core import Sandbox

ANNOTATION = "iam.gke.io/gcp-service-account"
GET_TOKEN = "iam.serviceAccounts.getAccessToken"  # noqa: S105 - a permission's name
CREDENTIALS, CREDENTIALS_TITLE = "iamcredentials", "IAM Service Account Credentials API"
_SUBJECT = re.compile(r"principal://.*/workloadIdentityPools/[^/]+/subject/ns/([^/]+)/sa/([^/]+)")


class Pod:
    """A pod of the project's cluster that runs as a Kubernetes service account.

    Args:
        sandbox: the sandbox.
        namespace: its namespace.
        account: its Kubernetes service account.
    """

    def __init__(self, sandbox: "Sandbox", namespace: str, account: str) -> None:
        self.sandbox = sandbox
        self.name = f"{namespace}/{account}"
        self.project: Json = next(iter(sandbox.store.list("project").values()))
        self.pool = f"{self.project['projectId']}.svc.id.goog"
        number = self.project["projectNumber"]
        self.principal = Principal(
            f"principal://iam.googleapis.com/projects/{number}/locations/global/workloadIdentityPools/{self.pool}"
            f"/subject/ns/{namespace}/sa/{account}",
            number,
        )

    def google_account(self) -> str:
        """The e-mail that its service account is annotated with, or "".

        Raises:
            GoogleError: 404, the Kubernetes service account is not there, so no such pod can run.
        """
        found = self.sandbox.store.get(SERVICE_ACCOUNT.store, self.name)
        if found is None:
            namespace, _, account = self.name.partition("/")
            raise not_found(
                f'error looking up service account {self.name}: serviceaccount "{account}" not found. Missing: the'
                f" Kubernetes service account {account} in namespace {namespace}; no pod can run as it."
            )
        return str(found["metadata"].get("annotations", {}).get(ANNOTATION, ""))

    def email(self) -> str:
        """What its metadata server calls its account: the Google one, else the identity pool."""
        return self.google_account() or self.pool

    def token(self) -> str:
        """An access token, marked as given in the project's network.

        Raises:
            GoogleError: 404 where the Kubernetes or the Google service account is not there, 403 where the latter's
                policy does not let this pod act as it; the message names what is missing.
        """
        email, number = self.google_account(), self.project["projectNumber"]
        if not email:
            return token_for(self.principal.email, number)
        try:
            self.sandbox.require_enabled(self.project, CREDENTIALS, CREDENTIALS_TITLE)
            account = usable_account(self.sandbox, email)
            if not iam_policies.allowed(self.sandbox, self.principal.member, resource_of(account), GET_TOKEN):
                raise denied()
        except GoogleError as error:
            raise GoogleError(error.code, error.status, self._refused(error, email)) from None
        return token_for(email, number)

    def _refused(self, error: GoogleError, email: str) -> str:
        names = {403: "Forbidden", 404: "Not Found", 400: "Bad Request"}
        missing = f"the Google service account {email}, which the annotation {ANNOTATION} of {self.name} names"
        advice = ""
        if any(detail.get("reason") == "SERVICE_DISABLED" for detail in error.details):
            missing = f"the API {CREDENTIALS}.googleapis.com, which is not enabled in {self.project['projectId']}"
        elif error.code == 403:
            missing = (
                f"roles/iam.workloadIdentityUser on {email} for serviceAccount:{self.pool}[{self.name}]"
                f" (or for {self.principal.member})"
            )
            advice = "This error could be caused by a missing IAM policy binding on the target IAM service account.\n"
        return (
            f"Unable to generate access token; IAM returned {error.code} {names[error.code]}: {error.message}\n{advice}"
            "For more information, refer to the Workload Identity documentation:\n"
            "\thttps://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to\n\n"
            f"Missing: {missing}.\n"
        )


def usable_account(sandbox: "Sandbox", email: str) -> Json:
    """The Google service account that tokens are asked for; 404 where there is none, 400 where it is disabled."""
    account = sandbox.store.get("serviceAccount", email)
    if account is None:
        raise not_found(f"Not found; Gaia id not found for email {email}")
    if account.get("disabled"):
        raise GoogleError(400, "FAILED_PRECONDITION", f"Service account {email} is disabled.")
    return account


def resource_of(account: Json) -> str:
    """A service account's full name, under which its policy is kept."""
    return f"projects/{account['projectId']}/serviceAccounts/{account['email']}"


def denied() -> GoogleError:
    """iamcredentials' 403, which does not tell a missing account from a missing permission."""
    return GoogleError(
        403,
        "PERMISSION_DENIED",
        f"Permission '{GET_TOKEN}' denied on resource (or it may not exist).",
        [error_info("IAM_PERMISSION_DENIED", {"permission": GET_TOKEN}, "iam.googleapis.com")],
    )


def unannotated(sandbox: "Sandbox", member: str) -> str:
    """Why a pod calls as itself, in a sentence; "" for every other caller."""
    subject = _SUBJECT.fullmatch(member)
    if not subject:
        return ""
    name = "/".join(subject.groups())
    found = sandbox.store.get(SERVICE_ACCOUNT.store, name)
    annotated = found and found["metadata"].get("annotations", {}).get(ANNOTATION)
    if annotated:
        return f"This token is older than the annotation of {name}."
    return f"The Kubernetes service account {name} lacks the annotation {ANNOTATION}, so the pod calls as itself."
