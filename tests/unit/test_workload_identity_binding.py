"""WorkloadIdentityBinding alone: who may act as whom, and what that one may do."""

from typing import Any

import components as parts
from components.workload_identity_binding import predict_role_id
from tests.unit.recorder import Recorder, record


def binding(**changes: Any) -> Recorder:
    """A WorkloadIdentityBinding changed by `changes`."""

    def program() -> dict[str, Any]:
        args = {
            "project": "my-project",
            "namespace": "production",
            "kubernetes_service_account": "gemini-app",
            **changes,
        }
        made = parts.WorkloadIdentityBinding("sa", parts.WorkloadIdentityBindingArgs(**args))
        return {"email": made.service_account_email, "member": made.member}

    return record(program)


def test_a_binding_may_predict_and_nothing_else() -> None:
    """A custom role of one permission, granted to the account alone."""
    done = binding()
    role = done.one(":IAMCustomRole").inputs
    assert role["permissions"] == ["aiplatform.endpoints.predict"]
    assert role["roleId"] == "gemini_inference_sa_predict" == predict_role_id("gemini-inference-sa")
    assert done.one("projects/iAMMember:IAMMember").inputs == {
        "project": "my-project",
        "role": "projects/my-project/roles/gemini_inference_sa_predict",
        "member": "serviceAccount:gemini-inference-sa@my-project.iam.gserviceaccount.com",
    }


def test_a_binding_takes_googles_wider_role_on_request() -> None:
    """The article's role; then no custom role is made."""
    done = binding(role="roles/aiplatform.user")
    assert done.of(":IAMCustomRole") == []
    assert done.one("projects/iAMMember:IAMMember").inputs["role"] == "roles/aiplatform.user"


def test_one_kubernetes_account_may_act_as_the_service_account() -> None:
    """roles/iam.workloadIdentityUser on the account, for one member of the project's pool."""
    email = "gemini-inference-sa@my-project.iam.gserviceaccount.com"
    assert binding().one("serviceaccount/iAMMember:IAMMember").inputs == {
        "serviceAccountId": f"projects/my-project/serviceAccounts/{email}",
        "role": "roles/iam.workloadIdentityUser",
        "member": "serviceAccount:my-project.svc.id.goog[production/gemini-app]",
    }


def test_a_direct_grant_names_the_kubernetes_account_itself() -> None:
    """The role for one principal of the project's pool, by the project's number; no account, and nothing on one."""
    done = binding(grant="direct")
    pool = "projects/123456789012/locations/global/workloadIdentityPools/my-project.svc.id.goog"
    member = f"principal://iam.googleapis.com/{pool}/subject/ns/production/sa/gemini-app"
    assert done.one("projects/iAMMember:IAMMember").inputs == {
        "project": "my-project",
        "role": "projects/my-project/roles/gemini_inference_sa_predict",
        "member": member,
    }
    assert done.outputs == {"email": "", "member": member}
    assert {resource.typ.rpartition(":")[2] for resource in done.resources} == {
        "WorkloadIdentityBinding",
        "IAMCustomRole",
        "IAMMember",
    }


def test_no_key_is_ever_made() -> None:
    """Only accounts, roles and single-member grants, so grants of others stay."""
    kinds = {resource.typ.rpartition(":")[2] for resource in binding().resources}
    assert kinds == {"WorkloadIdentityBinding", "Account", "IAMCustomRole", "IAMMember"}
