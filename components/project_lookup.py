"""What Google knows of a project that its id alone does not say: its number and its organization."""

import asyncio
import re
from typing import Any, Final

import pulumi
import pulumi_gcp as gcp

import permissions

_PERMISSION: Final = "resourcemanager.projects.get"
_DENIED: Final = re.compile(r"PERMISSION_DENIED|Error 403")
_LACKING: Final = (
    f"your account lacks {_PERMISSION} in the project: gcloud projects add-iam-policy-binding PROJECT "
    f"--member=user:YOUR_ACCOUNT --role={permissions.role_with(_PERMISSION)}"
)


def look_up(
    project: pulumi.Input[str], parent: pulumi.Resource, opts: pulumi.ResourceOptions | None
) -> "pulumi.Output[gcp.organizations.GetProjectResult]":
    """Ask for `project` (cloudresourcemanager v1 `projects.get`) once all that `opts` names under depends_on is there.

    Before that, at a first preview, the answer is unknown: the API itself may not be enabled yet.
    """
    found = gcp.organizations.get_project_output(
        project_id=project,
        opts=pulumi.InvokeOutputOptions(parent=parent, depends_on=opts.depends_on if opts else None),
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
