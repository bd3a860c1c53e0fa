"""What Google knows of a project that its id alone does not say: its number and its organization."""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, Final

import pulumi
import pulumi_gcp as gcp

import permissions
from components.project_services import ProjectServices

_API: Final = "cloudresourcemanager.googleapis.com"
_PERMISSION: Final = "resourcemanager.projects.get"
_DENIED: Final = re.compile(r"PERMISSION_DENIED|Error 403")
_LACKING: Final = (
    f"your account lacks {_PERMISSION} in the project: gcloud projects add-iam-policy-binding PROJECT "
    f"--member=user:YOUR_ACCOUNT --role={permissions.role_with(_PERMISSION)}"
)


def look_up(
    project: pulumi.Input[str], parent: pulumi.Resource, opts: pulumi.ResourceOptions | None
) -> "pulumi.Output[gcp.organizations.GetProjectResult]":
    """Ask for `project` (cloudresourcemanager v1 `projects.get`) once the API is enabled by what `opts` names under
    depends_on; where nothing there is a service, once all of it is there.

    Before that, at a first preview, the answer is unknown. It must not be again when a stack that is up gets something
    new: a preview would replace what was made with the number, and protection refuses that.
    """
    found = gcp.organizations.get_project_output(
        project_id=project, opts=pulumi.InvokeOutputOptions(parent=parent, depends_on=_before(opts))
    )

    async def explained() -> tuple[Any, bool, set[pulumi.Resource]]:
        try:
            return await found.future(with_unknowns=True), await found.is_known(), await found.resources()
        except Exception as error:
            if _DENIED.search(str(error)):
                pulumi.log.error(_LACKING, parent)
            raise

    answer = asyncio.ensure_future(explained())

    async def part(index: int) -> Any:
        return (await answer)[index]

    return pulumi.Output(part(2), part(0), part(1))


def _before(opts: pulumi.ResourceOptions | None) -> Any:
    named = opts.depends_on if opts else None
    services: list[pulumi.Resource] = []
    for each in named if isinstance(named, Sequence) else [named]:
        if isinstance(each, ProjectServices):
            services += each.enabling(_API)
        elif isinstance(each, gcp.projects.Service):
            services.append(each)
    return services or named
