"""The Google APIs that a project must have enabled."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

_ROLE = "roles/serviceusage.serviceUsageAdmin"


@dataclass(frozen=True, kw_only=True)
class ProjectServicesArgs:
    """What to enable, and where.

    `project` is the project's id. `services` are API names such as `aiplatform.googleapis.com`; each is enabled
    (serviceusage `services.enable`) and stays enabled when the stack is destroyed, since others may use it by then.
    """

    project: pulumi.Input[str]
    services: Sequence[str]


class ProjectServices(pulumi.ComponentResource):
    """Enables Google APIs in one project; make what calls them depend on this component.

    Where Google refuses for lack of permission, the role to grant is said beside the provider's own error.
    """

    def __init__(self, name: str, args: ProjectServicesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gemini-vertex:components:ProjectServices", name, None, opts)
        hint = pulumi.ErrorHook(f"{name}-role", say_role)
        self.services = [
            gcp.projects.Service(
                f"{name}-{service}",
                project=args.project,
                service=service,
                disable_on_destroy=False,
                opts=pulumi.ResourceOptions(parent=self, hooks=pulumi.ResourceHookBinding(on_error=[hint])),
            )
            for service in args.services
        ]
        self.register_outputs({"services": [service.service for service in self.services]})


def say_role(failure: pulumi.ErrorHookArgs) -> bool:
    """Log which role is missing where `failure` is a refusal; never asks for a retry."""
    message = failure.errors[0] if failure.errors else ""
    if "PERMISSION_DENIED" in message or "Error 403" in message:
        inputs = failure.new_inputs or {}
        project, service = inputs.get("project", "PROJECT"), inputs.get("service", failure.name)
        pulumi.log.error(
            f"{service} was not enabled: your account may not enable APIs in project {project}. It needs {_ROLE}: "
            f"gcloud projects add-iam-policy-binding {project} --member=user:YOU --role={_ROLE}"
        )
    return False
