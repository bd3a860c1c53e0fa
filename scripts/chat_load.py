"""`make chat-load`: Locust on the chat service, first with all well, then with every call to Vertex AI failing.

Run outside the sandbox it starts one and runs itself in it. Locust has an environment of its own, made on the first
run. CHAT_LOAD_REQUESTS is how many questions each of the two asks.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import requests

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.chat import SETTINGS, control, down, main
from scripts.chat_pod import SERVICE, chat_pod
from scripts.demo import FOLDER, DemoError, calls_since, say
from scripts.tool_environment import tool_environment
from scripts.workspace import Workspace

REQUESTS = int(os.environ.get("CHAT_LOAD_REQUESTS", "2000"))
USERS, MOST_SECONDS = 20, 600
# Two-sided 99.9 % of a normal distribution; 2000 calls are plenty for it to stand for the binomial one.
Z = 3.2905
KEY = "gemini-vertex:fallback.apiKey"
DOWN = {"method": "aiplatform.*enerateContent", "status": 503}
BOUNDS = {"GEMINI_DEVELOPER_API_REQUESTS_PER_MINUTE": "100000", "CHAT_MOST_STREAMS": "200"}


@dataclass(frozen=True)
class Load:
    """What Locust saw: counts, milliseconds, and the answers by route and model."""

    requests: int
    failures: int
    p50: float
    p95: float
    answered_by: dict[str, int]
    errors: dict[str, int]

    def show(self) -> None:
        """Print it."""
        print(f"  {self.requests} requests, {self.failures} failures, p50 {self.p50:.0f} ms, p95 {self.p95:.0f} ms")
        for name, count in self.answered_by.items():
            print(f"  {name:44} {count:5}  {100 * count / self.requests:6.2f} %")
        for error, count in self.errors.items():
            print(f"  {count} times: {error}")


def locust(url: str, folder: Path, number: int = REQUESTS) -> Load:
    """Runs Locust on the service at `url` until `number` questions have been asked; its report is a file in `folder`.

    Raises:
        DemoError: Locust could not do it.
    """
    report = folder / "load.json"
    report.unlink(missing_ok=True)
    program = str(tool_environment(SERVICE / "loadtest/requirements.txt") / "locust")
    command = [program, "--headless", "--locustfile", str(SERVICE / "loadtest/locustfile.py"), "--host", url]
    command += ["--users", str(USERS), "--spawn-rate", str(USERS), "--run-time", f"{MOST_SECONDS}s", "--only-summary"]
    command += ["--loglevel", "WARNING", "--exit-code-on-error", "0", "--stop-timeout", "30"]
    own = {"CHAT_LOAD_REQUESTS": str(number), "CHAT_LOAD_REPORT": str(report)}
    done = subprocess.run(command, check=False, env={**os.environ, **own}, capture_output=True, text=True)
    if done.returncode != 0 or not report.exists():
        raise DemoError(f"Locust ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    found = json.loads(report.read_text())
    load = Load(found["requests"], found["failures"], found["p50"], found["p95"], found["answeredBy"], found["errors"])
    load.show()
    if load.requests != number:
        raise DemoError(f"{load.requests} of {number} requests were made in {MOST_SECONDS} s.")
    return load


def with_fallback(workspace: Workspace) -> None:
    """Configures the Developer API as a person would: the key is typed, and in no argument."""
    # What AI Studio does in the project that it makes a key for.
    address = f"{os.environ['SANDBOX_URL']}/serviceusage/v1/projects/{os.environ['GOOGLE_PROJECT']}/services"
    headers = {"Authorization": f"Bearer {os.environ['GOOGLE_OAUTH_ACCESS_TOKEN']}"}
    enabled = requests.post(f"{address}/generativelanguage.googleapis.com:enable", headers=headers, timeout=30)
    enabled.raise_for_status()
    workspace.set("gemini-vertex:fallback.model", "gemini-3.8-flash")
    workspace.set("gemini-vertex:fallback.store", "kubernetes")
    command = ["pulumi", "config", "set", "--secret", "--path", KEY, "--stack", workspace.stack]
    key = os.environ["GEMINI_API_KEY"]
    subprocess.run(command, check=True, cwd=workspace.folder, input=key, text=True, capture_output=True)


def check_shares(load: Load, wanted: dict[str, float]) -> str:
    """A sentence on shares that are as wanted, within the 99.9 % confidence interval; DemoError where they are not."""
    told = []
    for name, weight in wanted.items():
        count = sum(number for route, number in load.answered_by.items() if route.partition(" ")[0] == name)
        share, expected = count / load.requests, weight / 100
        reach = Z * (expected * (1 - expected) / load.requests) ** 0.5
        told.append(f"{name} {100 * share:.2f} % ({100 * (expected - reach):.2f}–{100 * (expected + reach):.2f})")
        if abs(share - expected) > reach:
            raise DemoError(f"outside of the 99.9 % confidence interval: {told[-1]}")
    return f"{load.requests} requests are shared out within the 99.9 % confidence interval: {', '.join(told)}"


def vertex_calls(since: int) -> int:
    """Calls that reached Vertex AI's models after `since`."""
    return sum("aiplatform" in call["method"] and "enerateContent" in call["method"] for call in calls_since(since))


def last_call() -> int:
    """The number of the last call so far."""
    return max((call["seq"] for call in calls_since(0)), default=0)


def inside() -> list[str]:
    """Both loads, where the sandbox's environment is set; returns what was proven."""
    folder = FOLDER / "chat-load"
    shutil.rmtree(folder, ignore_errors=True)
    workspace = Workspace(folder / "stack", "managed")
    say("pulumi up of the managed stack, with the Developer API as fallback")
    workspace.init(SETTINGS)
    with_fallback(workspace)
    workspace.pulumi("up", "--yes", "--skip-preview")
    proven = []
    with chat_pod(folder / "pod", **BOUNDS) as pod:
        wanted = {route["name"]: float(route["weight"]) for route in pod.get("/state")["routes"]}
        say(f"{REQUESTS} questions by {USERS} users, all well")
        load = locust(pod.url, folder)
        if load.failures:
            raise DemoError("no request should fail while all is well.")
        proven.append(check_shares(load, wanted))

        say("the same, with 503 for every call to Vertex AI")
        control("faults", [DOWN], method="PUT")
        since = last_call()
        load = locust(pod.url, folder)
        answered = 1 - load.failures / load.requests
        if answered < 0.999:
            raise DemoError(f"{100 * answered:.2f} % were answered, and not 99.9 %.")
        breakers = {route["name"]: route["breaker"]["state"] for route in pod.get("/state")["routes"]}
        asked = vertex_calls(since)
        print(f"  {asked} calls reached Vertex AI; circuit breakers: {breakers}")
        if "closed" in breakers.values() or asked > 1.1 * load.requests:
            raise DemoError("the circuit breakers should be open, and spare Vertex AI.")
        proven.append(f"with Vertex AI down {100 * answered:.2f} % of {load.requests} requests are answered")
        if os.environ["GEMINI_API_KEY"] in pod.log.read_text():
            raise DemoError("the key stands in the log.")
    down(workspace)
    return proven


if __name__ == "__main__":
    sys.exit(main(__file__, "chat-load", inside))
