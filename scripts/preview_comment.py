"""What a change does to each stack, as the text of a comment: previews from a base commit to this tree, in a sandbox.

    python scripts/preview_comment.py --base origin/main --output comment.md

For each Pulumi.STACK.yaml the base's program is brought up in a local Google Cloud, and this tree's program is
previewed against that state, with the policy pack. No credentials, nothing real. Exit status: 0; 1 where a preview
fails or a mandatory policy is violated (the comment is written all the same); 2 where no comment could be made.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import engine_events, sandbox_stack
from scripts.preview_markdown import StackPreview, comment
from scripts.workspace import ROOT, PulumiError, Workspace

LOCK = "requirements.txt"


class PreviewError(Exception):
    """No comment can be made; the message says why and what to do."""


@contextmanager
def base_tree(ref: str) -> Iterator[Path]:
    """The tree of a commit in a temporary folder, with an environment to run it in."""
    with tempfile.TemporaryDirectory(prefix="preview-base-") as room:
        tree = Path(room, "tree")
        _git("worktree", "add", "--detach", str(tree), f"{ref}^{{commit}}")
        try:
            (tree / ".toolchain").symlink_to(ROOT / ".toolchain")
            if (tree / LOCK).exists() and (tree / LOCK).read_bytes() == (ROOT / LOCK).read_bytes():
                (tree / ".venv").symlink_to(ROOT / ".venv")
            else:
                # other packages: an environment of its own, and a CLI of its own beside it
                (tree / ".toolchain").unlink()
                _setup(tree)
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=False, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise PreviewError(f"`git {' '.join(arguments)}` failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _setup(tree: Path) -> None:
    script = tree / "toolchain/setup.py"
    done = subprocess.run([sys.executable, str(script)], check=False, cwd=tree, capture_output=True, text=True)
    if done.returncode != 0:
        raise PreviewError(f"the base's environment could not be made: {(done.stderr or done.stdout).strip()[-500:]}")


def preview(stack: str, base: Path, room: Path, documents: Sequence[sandbox_stack.Json] = ()) -> list[StackPreview]:
    """Bring a stack up from the `base` tree, and preview this tree's program with each of `documents` as its settings.

    Runs inside a sandbox. Without `documents` this tree's own settings are taken.
    """
    environment = {**os.environ, **engine_events.ASK_FOR_LOG}
    error, outputs = "the base commit has no such stack.", cast(sandbox_stack.Json, {})
    if (base / f"Pulumi.{stack}.yaml").exists():
        error, outputs = _bring_up(stack, base, room, environment)
    previews = []
    for number, document in enumerate(documents or [sandbox_stack.read(ROOT / f"Pulumi.{stack}.yaml")]):
        head = Workspace(room / f"head-{number}", stack, environment)
        sandbox_stack.write(sandbox_stack.for_sandbox(document), head.folder, stack)
        if error and number == 0:
            _forget(head)
        log = room / f"head-{number}.jsonl"
        said = head.pulumi("preview", "--policy-pack", "policy", "--event-log", str(log), check=False)
        previews.append(StackPreview(stack, engine_events.read(log), outputs, error, said))
    return previews


def _bring_up(stack: str, base: Path, room: Path, environment: dict[str, str]) -> tuple[str, sandbox_stack.Json]:
    """Why the base did not come up, "" where it did; and its outputs."""
    path = os.pathsep.join([str(base / ".venv/bin"), environment["PATH"]])
    workspace = Workspace(room / "base", stack, {**environment, "PATH": path}, root=base)
    document = sandbox_stack.read(base / f"Pulumi.{stack}.yaml")
    region = str((document.get("config") or {}).get("gcp:region") or os.environ["GOOGLE_REGION"])
    try:
        sandbox_stack.seed_models(sandbox_stack.own_models(document), sandbox_stack.project(document), region)
        sandbox_stack.write(sandbox_stack.for_sandbox(document), workspace.folder, stack)
        workspace.init()
        workspace.pulumi("up", "--yes", "--skip-preview")
        return "", workspace.outputs()
    except (PulumiError, OSError) as error:
        lines = [line.strip() for line in str(error).splitlines() if "error:" in line]
        return "the base does not come up: " + (" ".join(lines[:3]) or str(error)[-500:]), {}


def _forget(head: Workspace) -> None:
    """Begin from nothing: drop what a base that failed half-way left in the state."""
    head.pulumi("stack", "rm", "--force", "--yes", "--preserve-config", check=False)
    head.init()


def stacks_of(*trees: Path) -> list[str]:
    """The stacks that have a file in one of the trees, by name."""
    return sorted({file.name.split(".")[1] for tree in trees for file in tree.glob("Pulumi.*.yaml")})


def in_sandbox(stack: str, base: Path, room: Path) -> StackPreview:
    """Preview one stack in a sandbox of its own, whose project is the stack's."""
    named = sandbox_stack.read(base / f"Pulumi.{stack}.yaml") or sandbox_stack.read(ROOT / f"Pulumi.{stack}.yaml")
    itself = [sys.executable, str(Path(__file__).resolve()), "--inside", stack]
    command = sandbox_stack.in_sandbox(named, *itself, "--base", str(base), "--room", str(room))
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise PreviewError(f"stack {stack} could not be previewed: {(done.stderr or done.stdout).strip()[-1500:]}")
    said = json.loads((room / "said.json").read_text())
    return StackPreview(stack, engine_events.read(room / "head-0.jsonl"), **said)


def inside(stack: str, base: Path, room: Path) -> None:
    """The part of `in_sandbox` that runs inside."""
    [found] = preview(stack, base, room)
    said = {"outputs_before": found.outputs_before, "base_error": found.base_error, "output": found.output}
    (room / "said.json").write_text(json.dumps(said))


def make(base_ref: str, head_name: str = "", stacks: Sequence[str] = ()) -> tuple[str, bool]:
    """The comment's text, and whether the change can go in."""
    policy_environment()
    base_name = _git("rev-parse", "--short", f"{base_ref}^{{commit}}")
    head_name = head_name or _git("rev-parse", "--short", "HEAD")
    with base_tree(base_ref) as base, tempfile.TemporaryDirectory(prefix="preview-") as room:
        previews, removed = [], []
        for stack in stacks or stacks_of(ROOT, base):
            folder = Path(room, stack)
            folder.mkdir()
            if (ROOT / f"Pulumi.{stack}.yaml").exists():
                previews.append(in_sandbox(stack, base, folder))
            elif (base / f"Pulumi.{stack}.yaml").exists():
                removed.append(stack)
    if not previews and not removed:
        raise PreviewError("there is no stack to preview: no Pulumi.STACK.yaml is here.")
    return comment(previews, base_name, head_name, removed), not any(each.failed for each in previews)


def policy_environment() -> None:
    """Make the policy pack's environment if need be."""
    script = [sys.executable, str(ROOT / "toolchain/policy_pack.py")]
    if subprocess.run(script, check=False, cwd=ROOT).returncode != 0:
        raise PreviewError("the policy pack's environment could not be made.")


def main() -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Previews each stack from a base commit to this tree, in a sandbox.")
    parser.add_argument("--base", default="origin/main", help="commit to start from (default origin/main)")
    parser.add_argument("--head-name", default="", help="what to call this tree (default: its commit)")
    parser.add_argument("--stack", action="append", default=[], help="only this stack; may be given again")
    parser.add_argument("--output", type=Path, help="write the comment here (default: standard output)")
    parser.add_argument("--examples", action="store_true", help="make the examples of docs/pull-requests.md instead")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="with --examples: put them into this page")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    parser.add_argument("--room", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    try:
        if args.inside:
            inside(args.inside, Path(args.base), args.room)
            return 0
        if args.examples:
            from scripts import preview_examples

            return preview_examples.main(args.write)
        text, sound = make(args.base, args.head_name, args.stack)
    except (PreviewError, PulumiError) as error:
        print(f"preview: {error}", file=sys.stderr)
        return 2
    if args.output:
        args.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
