"""What Google knows of a project that its id alone does not say: its number and its organization."""

import pulumi
import pulumi_gcp as gcp


def look_up(
    project: pulumi.Input[str], parent: pulumi.Resource, opts: pulumi.ResourceOptions | None
) -> "pulumi.Output[gcp.organizations.GetProjectResult]":
    """Ask for `project` (cloudresourcemanager v1 `projects.get`) once all that `opts` names under depends_on is there.

    Before that, at a first preview, the answer is unknown: the API itself may not be enabled yet.
    """
    return gcp.organizations.get_project_output(
        project_id=project,
        opts=pulumi.InvokeOutputOptions(parent=parent, depends_on=opts.depends_on if opts else None),
    )
