"""The Google APIs that a project must have enabled."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_gcp as gcp

from components.advice import advise

_ADVICE = {
    "PERMISSION_DENIED|Error 403": (
        "your account may not enable APIs in project {project}: it needs roles/serviceusage.serviceUsageAdmin there. "
        "Someone who may grant it says: gcloud projects add-iam-policy-binding {project} --member=user:YOUR_ACCOUNT "
        "--role=roles/serviceusage.serviceUsageAdmin"
    ),
}


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
        hooks = advise(f"{name}-services-advice", self, _ADVICE)
        self._names = tuple(args.services)
        self.services = [
            gcp.projects.Service(
                f"{name}-{service}",
                project=args.project,
                service=service,
                disable_on_destroy=False,
                opts=pulumi.ResourceOptions(parent=self, hooks=hooks),
            )
            for service in args.services
        ]
        self.register_outputs({"services": [service.service for service in self.services]})

    def enabling(self, api: str) -> list[gcp.projects.Service]:
        """What enables this API; empty where nothing here does."""
        return [service for name, service in zip(self._names, self.services, strict=True) if name == api]
