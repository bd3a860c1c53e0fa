"""The role with exactly the permissions that one stack takes, as a file for `gcloud iam roles create`.

    python scripts/deployer_role.py --stack prod > role.yaml                on the stack's project
    python scripts/deployer_role.py --stack prod --perimeter > above.yaml   on its organization, for the perimeter
    python scripts/deployer_role.py --stack prod --reader > reader.yaml     what of the first only reads

Read from the stack's configuration; nothing is asked of Google. Exit status: 0, or 2 where the stack cannot be read,
its configuration has mistakes, or it has no perimeter. docs/deployer-role.md says how to make and grant the roles.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path

if __name__ == "__main__":
    # Run as a script, its own folder comes first on the path, where scripts/preflight.py would hide the package.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import permissions
from model_catalogue import today
from preflight.access import perimeter_groups, permission_groups
from preflight.stack import StackError, read_settings
from settings import Settings, SettingsError

_PROJECT_HEAD = """\
# What deploying stack {stack} takes on its project; made by `python scripts/deployer_role.py --stack {stack}`.
#   gcloud iam roles create geminiDeployer --project=PROJECT --file=THIS_FILE
title: Gemini deployer
description: Runs pulumi up, refresh and destroy of gemini-vertex, and its preflight.
"""
_READER_HEAD = """\
# What it takes to look at stack {stack}; made by `python scripts/deployer_role.py --stack {stack} --reader`.
#   gcloud iam roles create geminiReader --project=PROJECT --file=THIS_FILE
title: Gemini reader
description: Runs pulumi preview and scripts/drift.py of gemini-vertex, and changes nothing.
"""
_PERIMETER_HEAD = """\
# What the perimeter of stack {stack} takes beyond its project: a role of the organization, as a project's cannot have
# these permissions. Made by `python scripts/deployer_role.py --stack {stack} --perimeter`.
#   gcloud iam roles create geminiPerimeter --organization=ORGANIZATION --file=THIS_FILE
title: Gemini perimeter deployer
description: Makes, changes and removes the service perimeter of gemini-vertex.
"""


def project_role(settings: Settings, stack: str) -> str:
    """The role on the stack's project, as YAML with a comment for each group of permissions."""
    groups = permission_groups(settings)
    return _PROJECT_HEAD.format(stack=stack) + _listed(groups.stack | groups.preflight)


def reader_role(settings: Settings, stack: str) -> str:
    """The half of the project's role that only reads, but for what preflight reads: it is for who deploys."""
    groups = permission_groups(settings).stack.items()
    reading = {title: {name: table[name] for name in table if permissions.reads(name)} for title, table in groups}
    return _READER_HEAD.format(stack=stack) + _listed(reading)


def perimeter_role(settings: Settings, stack: str) -> str:
    """The role on the organization or the access policy, as YAML. ValueError where the stack has no perimeter."""
    groups = perimeter_groups(settings)
    if not groups:
        raise ValueError(
            f"stack {stack} has no perimeter (gemini-vertex:perimeter.mode is off), so it takes no such role"
        )
    return _PERIMETER_HEAD.format(stack=stack) + _listed(groups)


def _listed(groups: Mapping[str, Mapping[str, str]]) -> str:
    lines = ["stage: GA", "includedPermissions:"]
    listed: set[str] = set()
    for title, table in groups.items():
        new = [permission for permission in table if permission not in listed]
        lines += [f"  # {title}", *(f"  - {permission}" for permission in new)] if new else []
        listed.update(new)
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Prints the role that deploying a stack takes, and nothing more.")
    parser.add_argument("--stack", required=True, help="whose configuration is read")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--perimeter", action="store_true", help="the role above the project instead")
    which.add_argument("--reader", action="store_true", help="only what reads: for previews and drift detection")
    args = parser.parse_args(sys.argv[1:] if argv is None else argv)
    try:
        settings = read_settings(args.stack, today(os.environ))
        role = perimeter_role if args.perimeter else reader_role if args.reader else project_role
        print(role(settings, args.stack), end="")
    except (StackError, SettingsError, ValueError) as error:
        print(f"deployer_role: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
