"""`make demo`: the whole article brought up in a local Google Cloud, proven, and taken down again.

Run outside the sandbox it starts one and runs itself in it; nothing outside this folder is touched.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.leftovers import Run
from scripts.workspace import ROOT, SANDBOX_SETTINGS, PulumiError, Workspace

FOLDER = ROOT / ".sandbox"
STATE = FOLDER / "demo.db"
KEPT_SECONDS = 2 * 3600
PROTECT = "gemini-vertex:protect"
SANDBOX = [sys.executable, "-m", "sandbox"]
AS_IN_THE_ARTICLE = ["--profile", "article", "--plugins", "stand-in"]
STOP = f"python -m sandbox stop --state {STATE.relative_to(ROOT)}"


class DemoError(Exception):
    """A step did not do what it should; the message says which."""


def sandbox_says(path: str) -> str:
    """What the sandbox's control address `path` answers."""
    answer = requests.get(f"{os.environ['SANDBOX_URL']}/_sandbox/{path}", timeout=30)
    answer.raise_for_status()
    return answer.text


def calls_since(sequence: int) -> list[dict[str, Any]]:
    """The calls that reached the sandbox after `sequence`, oldest first."""
    return [json.loads(line) for line in sandbox_says(f"calls?since={sequence}").splitlines()]


def say(title: str) -> None:
    """Print a step's heading."""
    print(f"\n\033[1m== {title}\033[0m" if sys.stdout.isatty() else f"\n== {title}", flush=True)


class Tour:
    """The steps, in order; each one that ends well adds a line to what was proven."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.proven: list[str] = []

    def up(self) -> None:
        """Everything of the article, from nothing."""
        say("pulumi up of the prod stack, from nothing")
        self.workspace.init({**SANDBOX_SETTINGS, PROTECT: "true"})
        self.workspace.pulumi("up", "--yes", "--skip-preview", show=True)
        resources = json.loads(self.workspace.pulumi("stack", "export"))["deployment"]["resources"]
        self.proven.append(f"the article's system came up with one `pulumi up` ({len(resources)} resources)")

    def smoke(self, split: str) -> None:
        """The smoke test, as a person would run it."""
        say("the smoke test")
        script = [sys.executable, str(ROOT / "scripts/smoke_test.py"), "--stack", self.workspace.stack]
        sys.stdout.flush()
        if subprocess.run(script, check=False, cwd=self.workspace.folder).returncode != 0:
            raise DemoError("the smoke test found something wrong; its own lines above say what.")
        self.proven.append(f"it answers, streams, and serves {split} as configured")

    def shift(self) -> None:
        """A traffic change: one call, and no model deployed again."""
        say("a traffic shift to 80/20")
        before = self.workspace.outputs()
        since = max((call["seq"] for call in calls_since(0)), default=0)
        self.workspace.set("gemini-vertex:models[0].traffic", "80")
        self.workspace.set("gemini-vertex:models[1].traffic", "20")
        self.workspace.pulumi("up", "--yes", "--skip-preview", show=True)
        after = self.workspace.outputs()
        changing = [call["method"] for call in calls_since(since) if call["mutating"]]
        if changing != ["aiplatform.projects.locations.endpoints.patch"]:
            raise DemoError(f"the shift should be one endpoints.patch, and was {', '.join(changing) or 'nothing'}.")
        if before["deployedModels"] != after["deployedModels"]:
            raise DemoError("a model was deployed again for a change of traffic.")
        if sorted(after["trafficSplit"].values()) != [20, 80]:
            raise DemoError(f"the live split is {after['trafficSplit']}, not 80/20.")
        print("One changing call reached Google (endpoints.patch); the deployed models are the same.")
        self.proven.append("a traffic shift is one call and deploys nothing")

    def preview(self) -> None:
        """Nothing is left to do."""
        say("a second preview")
        self.workspace.pulumi("preview", "--expect-no-changes", show=True)
        self.proven.append("a second preview is empty")

    def refuse(self) -> None:
        """Prod does not go by one command."""
        say("pulumi destroy, while the stack is protected")
        since = max((call["seq"] for call in calls_since(0)), default=0)
        try:
            self.workspace.pulumi("destroy", "--yes", "--skip-preview")
        except PulumiError as error:
            if "because it is protected" not in error.output:
                raise
        else:
            raise DemoError("a protected stack was destroyed.")
        if changing := [call["method"] for call in calls_since(since) if call["mutating"]]:
            raise DemoError(f"a destroy that was refused changed something: {', '.join(changing)}.")
        print(f"Refused, and nothing was touched. To mean it: pulumi config set {PROTECT} false && pulumi up")
        self.proven.append("destroy is refused, and touches nothing, until protection is lifted")

    def destroy(self) -> None:
        """All gone, and nothing left in the project."""
        say("pulumi destroy, after protection is lifted")
        self.workspace.set(PROTECT, "false")
        self.workspace.pulumi("up", "--yes", "--skip-preview")
        self.workspace.pulumi("destroy", "--yes", "--skip-preview", show=True)
        left = json.loads(sandbox_says("state"))
        if left:
            raise DemoError(f"destroy left something behind: {json.dumps(left)[:500]}")
        self.workspace.pulumi("stack", "rm", "--yes")
        self.proven.append("destroy leaves nothing behind in the project but its enabled APIs")


def inside(keep: bool) -> int:
    """The demo itself, where the sandbox's environment is set. Returns the exit status."""
    folder = FOLDER / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    tour = Tour(Workspace(folder, "prod"))
    try:
        tour.up()
        tour.smoke("95/5")
        tour.shift()
        tour.smoke("80/20")
        tour.preview()
        if not keep:
            tour.refuse()
            tour.destroy()
    except (DemoError, PulumiError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    (folder / "proven.json").write_text(json.dumps(tour.proven, ensure_ascii=False))
    return 0


def outside(keep: bool) -> int:
    """Start a sandbox, run the demo in it, and see that nothing stays. Returns the exit status."""
    run = Run()
    demo = [sys.executable, str(Path(__file__).resolve()), "--inside"]
    if keep:
        if not serve():
            return 1
        command = [*SANDBOX, "run", "--attach", "--state", str(STATE), "--", *demo, "--keep"]
    else:
        command = [*SANDBOX, "run", *AS_IN_THE_ARTICLE, "--", *demo]
    status = subprocess.run(command, check=False, cwd=ROOT, env=run.environment).returncode
    if status != 0:
        return status
    proven = json.loads((FOLDER / "demo/proven.json").read_text())
    if not keep:
        if still := run.left_after():
            print(
                "\ndemo: still running: " + "; ".join(f"{pid} {name[:80]}" for pid, name in still.items()),
                file=sys.stderr,
            )
            return 1
        proven.append("nothing is left running")
    summary(proven, keep)
    return 0


def is_up() -> bool:
    """Whether the sandbox of `make demo KEEP=1` runs."""
    return (
        subprocess.run([*SANDBOX, "env", "--state", str(STATE)], check=False, cwd=ROOT, capture_output=True).returncode
        == 0
    )


def serve() -> bool:
    """Start a sandbox that outlives this command, empty. False where one is up already, or none comes up."""
    if is_up():
        print(f"demo: it is up already. Look around, or stop it first: {STOP}", file=sys.stderr)
        return False
    for left in FOLDER.glob(f"{STATE.name}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    FOLDER.mkdir(exist_ok=True)
    command = [*SANDBOX, "serve", *AS_IN_THE_ARTICLE, "--state", str(STATE), "--idle-timeout", str(KEPT_SECONDS)]
    log = FOLDER / "serve.log"
    with log.open("w") as said:
        server = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
    for _ in range(60):
        if is_up():
            return True
        if server.poll() is not None:
            break
        time.sleep(0.5)
    print(f"demo: the sandbox did not come up: {log.read_text().strip()}", file=sys.stderr)
    return False


def summary(proven: list[str], keep: bool) -> None:
    """What was shown, and what to type next."""
    say("What was proven, on the real Pulumi engine against a local Google Cloud")
    for line in proven:
        print(f"  ok  {line}")
    if keep:
        print(
            "\nThe stack is up. To look around:\n"
            "  source .venv/bin/activate\n"
            f'  eval "$(python -m sandbox env --state {STATE.relative_to(ROOT)})"   makes this shell talk to it\n'
            "  cd .sandbox/demo && pulumi stack output --stack prod\n"
            '  curl -s "$SANDBOX_URL/_sandbox/state"   what exists in it\n'
            "To stop:\n"
            f"  {STOP}    (it also stops by itself after two idle hours)"
        )
    else:
        print(
            "\nNext:\n"
            "  make test           every check and test\n"
            "  make demo KEEP=1    the same, left up to look around\n"
            "  README.md           the same on your own Google project, from `pulumi login` on"
        )


def main() -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Brings the article up in a local Google Cloud, and proves it.")
    parser.add_argument("--keep", action="store_true", help="leave it up at the end")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    try:
        return inside(args.keep) if args.inside else outside(args.keep)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
