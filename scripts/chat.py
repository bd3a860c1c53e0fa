"""`make chat`: the chat service as a pod of a local Google Cloud, following `pulumi up`, and losing its identity.

Run outside the sandbox it starts one and runs itself in it; nothing outside this folder is touched.
"""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import requests

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.chat_pod import ChatPod, PodError, chat_pod
from scripts.demo import FOLDER, SANDBOX, DemoError, sandbox_says, say
from scripts.leftovers import Run
from scripts.tool_environment import ToolError
from scripts.workspace import ROOT, PulumiError, Workspace

SETTINGS = {"gemini-vertex:kubernetes.context": "sandbox", "gemini-vertex:kubernetes.createNamespace": "true"}
QUESTION = "Why is the sky blue?"
QUESTIONS = 200
# google-auth renews a token 225 s before its end.
TOKEN_SECONDS = 230
ROLE = "roles/iam.workloadIdentityUser"


def control(path: str, body: Any, method: str = "PATCH") -> None:
    """Tells the sandbox something under its control address."""
    requests.request(method, f"{os.environ['SANDBOX_URL']}/_sandbox/{path}", json=body, timeout=30).raise_for_status()


def remove_binding(email: str) -> None:
    """What `gcloud iam service-accounts remove-iam-policy-binding` does: nobody has ROLE on the account any more."""
    project = os.environ["GOOGLE_PROJECT"]
    address = f"{os.environ['SANDBOX_URL']}/iam/v1/projects/{project}/serviceAccounts/{email}"
    headers = {"Authorization": f"Bearer {os.environ['GOOGLE_OAUTH_ACCESS_TOKEN']}"}

    def call(verb: str, body: Any) -> Any:
        answer = requests.post(f"{address}:{verb}", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    policy = call("getIamPolicy", {})
    policy["bindings"] = [binding for binding in policy.get("bindings", []) if binding["role"] != ROLE]
    call("setIamPolicy", {"policy": policy})


def weights(pod: ChatPod) -> dict[str, float]:
    """What the running service knows of its routes."""
    return {route["name"]: route["weight"] for route in pod.get("/state")["routes"]}


def show_shares(shares: Counter[str]) -> None:
    """Print who answered."""
    whole = shares.total()
    for name, count in shares.most_common():
        print(f"  {name:24} {count:5} of {whole}  {100 * count / whole:5.1f} %")


class Tour:
    """The steps; each one that ends well adds a line to what was proven."""

    def __init__(self, workspace: Workspace, pod: ChatPod) -> None:
        self.workspace, self.pod = workspace, pod
        self.process = pod.get("/state")["process"]
        self.proven: list[str] = []

    def ask(self) -> None:
        """One question, its events as they come."""
        say(f"POST /v1/chat: {QUESTION}")
        began = time.monotonic()
        seen = Counter[str]()
        for name, data in self.pod.stream(QUESTION):
            seen[name] += 1
            print(f"  {time.monotonic() - began:6.3f} s  {name:5} {data.get('text', data)}", flush=True)
        if seen["text"] < 2 or seen["done"] != 1:
            raise DemoError(f"an answer should come as several texts and then done, and was {dict(seen)}.")
        self.proven.append("an answer streams, and ends with its route, model, finish reason and usage")

    def share(self, wanted: dict[str, float]) -> None:
        """Many questions, and who answered."""
        say(f"{QUESTIONS} questions with routes {'/'.join(f'{weight:g}' for weight in wanted.values())}")
        if weights(self.pod) != wanted:
            raise DemoError(f"the service has the routes {weights(self.pod)}, not {wanted}.")
        shares = self.pod.shares(QUESTIONS)
        show_shares(shares)
        for name, weight in wanted.items():
            if abs(100 * shares[name] / QUESTIONS - weight) > 12:
                raise DemoError(f"{name} should answer about {weight:g} %.")

    def shift(self, wanted: dict[str, float]) -> None:
        """`pulumi up` with other shares; the same process follows."""
        for number, weight in enumerate(wanted.values()):
            self.workspace.set(f"gemini-vertex:models[{number}].traffic", f"{weight:g}")
        say("pulumi up with 50/50, while the service runs")
        self.workspace.pulumi("up", "--yes", "--skip-preview", show=True)
        done = time.monotonic()
        self.pod.wait_for(lambda: weights(self.pod) == wanted, "did not follow the ConfigMap")
        print(f"The running service followed {time.monotonic() - done:.1f} s after `pulumi up` had ended.")
        self._is_the_same_process()
        self.share(wanted)
        self.proven.append("`pulumi up` moves the traffic of the running service, without a restart")

    def lose_identity(self) -> None:
        """Without its binding the next token fails, and the message says which; with it all is well again."""
        email = self.workspace.outputs()["serviceAccountEmail"]
        say(f"{ROLE} on {email} is taken away")
        remove_binding(email)
        self.pod.wait_for(lambda: self.pod.status("/readyz") == 503, "stays ready without its binding")
        sentence = self.pod.get("/readyz")["detail"]
        print(f"GET /readyz: 503 {sentence}")
        name, problem = self.pod.ask(QUESTION)
        print(f"POST /v1/chat: {name} {problem['status']} {problem['title']}")
        for needed in (ROLE, "production/gemini-app", email):
            if needed not in sentence or needed not in problem["detail"]:
                raise DemoError(f"the message should name {needed}.")
        say("pulumi up --refresh puts it back")
        self.workspace.pulumi("up", "--refresh", "--yes", "--skip-preview", show=True)
        self.pod.wait_for(lambda: self.pod.status("/readyz") == 200, "is not ready with its binding")
        if self.pod.ask("2 + 2")[0] != "done":
            raise DemoError("the service does not answer though it is ready.")
        self._is_the_same_process()
        self.proven.append("without the Workload Identity binding the next token fails, and the message names it")

    def _is_the_same_process(self) -> None:
        if self.pod.get("/state")["process"] != self.process:
            raise DemoError("the service was restarted.")


def up(workspace: Workspace) -> None:
    """The managed stack, from nothing."""
    say("pulumi up of the managed stack, from nothing")
    workspace.init(SETTINGS)
    workspace.pulumi("up", "--yes", "--skip-preview", show=True)


def down(workspace: Workspace) -> None:
    """All gone again."""
    say("pulumi destroy")
    workspace.pulumi("destroy", "--yes", "--skip-preview", show=True)
    if sandbox_says("state").strip() != "{}":
        raise DemoError(f"destroy left something behind: {sandbox_says('state')[:500]}")
    workspace.pulumi("stack", "rm", "--yes")


def inside() -> list[str]:
    """The tour, where the sandbox's environment is set; returns what was proven."""
    folder = FOLDER / "chat"
    shutil.rmtree(folder, ignore_errors=True)
    workspace = Workspace(folder / "stack", "managed")
    control("settings", {"latency": "realistic", "tokenSeconds": TOKEN_SECONDS})
    up(workspace)
    names = [model["name"] for model in workspace.outputs()["routes"]["routes"]]
    with chat_pod(folder / "pod") as pod:
        tour = Tour(workspace, pod)
        tour.ask()
        control("settings", {"latency": "none"})
        tour.share(dict(zip(names, (95.0, 5.0), strict=True)))
        tour.shift(dict(zip(names, (50.0, 50.0), strict=True)))
        tour.lose_identity()
    say("SIGTERM, and what the service logged")
    print(f"It ended; its log has {len(pod.lines())} lines of JSON, and none of the questions.")
    if QUESTION in pod.log.read_text():
        raise DemoError("a question stands in the log.")
    down(workspace)
    return [*tour.proven, "destroy leaves nothing behind"]


def main(script: str = __file__, name: str = "chat", inner: Any = inside) -> int:
    """Run from the command line: starts a sandbox and itself in it, and sees that nothing stays."""
    if "--inside" in sys.argv[1:]:
        try:
            proven = inner()
        except (DemoError, PulumiError, PodError, ToolError) as error:
            print(f"\n{name}: {error}", file=sys.stderr)
            return 1
        say("What was proven, with the real Pulumi engine against a local Google Cloud")
        print("\n".join(f"  ok  {line}" for line in proven))
        return 0
    run = Run()
    own = [sys.executable, str(Path(script).resolve()), "--inside"]
    sandbox = [*SANDBOX, "run", "--profile", "google", "--plugins", "stand-in", "--", *own]
    try:
        status = subprocess.run(sandbox, check=False, cwd=ROOT, env=run.environment).returncode
    except KeyboardInterrupt:
        return 130
    if status == 0 and (still := run.left_after()):
        print(f"\n{name}: still running: {'; '.join(f'{p} {c[:80]}' for p, c in still.items())}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
