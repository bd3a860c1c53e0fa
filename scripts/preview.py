"""`make preview STACK=prod`: what `pulumi up` would make of a stack file, and what the policies say, in a sandbox."""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import sandbox_stack
from scripts.workspace import ROOT, PulumiError, Workspace


def inside(stack: str) -> None:
    """Preview with Pulumi's own display, where the sandbox's environment is set. Raises PulumiError if it fails."""
    with tempfile.TemporaryDirectory(prefix="preview-") as room:
        workspace = Workspace(Path(room), stack, dict(os.environ))
        document = sandbox_stack.read(ROOT / f"Pulumi.{stack}.yaml")
        sandbox_stack.write(sandbox_stack.for_sandbox(document), workspace.folder, stack)
        workspace.init()
        workspace.pulumi("preview", "--policy-pack", "policy", show=True)


def main() -> int:
    """Run from the command line; returns the exit status: 1 where the preview fails or a policy forbids it."""
    parser = argparse.ArgumentParser(description="Previews a stack from nothing in a sandbox, with the policy pack.")
    parser.add_argument("--stack", default="prod", help="whose Pulumi.STACK.yaml (default prod)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    document = sandbox_stack.read(ROOT / f"Pulumi.{args.stack}.yaml")
    if not document:
        print(f"preview: there is no Pulumi.{args.stack}.yaml; say which: make preview STACK=dev", file=sys.stderr)
        return 1
    if not args.inside:
        pack = [sys.executable, str(ROOT / "toolchain/policy_pack.py")]
        itself = [sys.executable, str(Path(__file__).resolve()), "--stack", args.stack, "--inside"]
        return (
            subprocess.run(pack, check=False, cwd=ROOT).returncode
            or subprocess.run(sandbox_stack.in_sandbox(document, *itself), check=False, cwd=ROOT).returncode
        )
    try:
        inside(args.stack)
    except PulumiError:
        return 1  # it has been shown
    return 0


if __name__ == "__main__":
    sys.exit(main())
