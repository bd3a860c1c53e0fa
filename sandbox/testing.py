"""For tests: a sandbox for the length of a `with` block.

with running_sandbox(deploy_seconds=0.2) as sandbox:
    requests.get(sandbox.api("aiplatform", "v1/projects/…"), headers=sandbox.headers)
    subprocess.run(["pulumi", "up"], env=sandbox.environ())
"""

import contextlib
import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from sandbox.core import PROJECT, Sandbox
from sandbox.environment import attach_plugins, environment, over
from sandbox.errors import Json
from sandbox.identity import DEPLOYER, token_for
from sandbox.options import Options
from sandbox.running import RunningSandbox


class SandboxHandle:
    """A running sandbox, from outside.

    `url` is its address, `env` what `sandbox run` adds to a command's environment, `headers` an Authorization header,
    `project` its project's id, `sandbox` the object inside (read it only while no request is under way).
    """

    def __init__(self, running: RunningSandbox, env: dict[str, str]) -> None:
        self.url = running.url
        self.sandbox: Sandbox = running.sandbox
        self.env = env
        self.headers = {"Authorization": f"Bearer {token_for(DEPLOYER)}"}
        self.project = env["GOOGLE_PROJECT"]

    def api(self, service: str, path: str) -> str:
        """The URL of a path of a service: api("aiplatform", "v1/projects/p/…")."""
        return f"{self.url}/{service}/{path}"

    def environ(self, **extra: str) -> dict[str, str]:
        """This process's environment with the sandbox's variables, and the extra ones, over it."""
        return over(os.environ, {**self.env, **extra})

    def calls(self, since: int = 0, *, mutating: bool = False) -> list[Json]:
        """The calls after sequence number `since`, all or only those that change something."""
        lines = self._ask("GET", f"calls?since={since}").splitlines()
        found = [json.loads(line) for line in lines]
        return [call for call in found if call["mutating"]] if mutating else found

    def last_call(self) -> int:
        """The sequence number of the last call, for `calls(since=…)`."""
        return max((int(call["seq"]) for call in self.calls()), default=0)

    def state(self) -> Json:
        """What exists beyond the seed: {} when nothing of a user's is left."""
        return cast(Json, json.loads(self._ask("GET", "state")))

    def set(self, **settings: Any) -> Json:
        """Changes settings by their camelCase names, e.g. set(deploySeconds=0.1), and returns all of them."""
        return cast(Json, json.loads(self._ask("PATCH", "settings", json.dumps(settings).encode())))

    def reset(self) -> None:
        """Back to a new sandbox; settings stay."""
        self._ask("POST", "reset", b"")

    def enable(self, *services: str) -> None:
        """Enables APIs in the project, as a user would: enable("aiplatform", "compute")."""
        body = {"serviceIds": [f"{service}.googleapis.com" for service in services]}
        url = self.api("serviceusage", f"v1/projects/{self.project}/services:batchEnable")
        operation = json.loads(self._send("POST", url, json.dumps(body).encode()))
        while not operation.get("done"):
            time.sleep(0.01)
            operation = json.loads(self._send("GET", self.api("serviceusage", f"v1/{operation['name']}")))

    def _ask(self, method: str, path: str, data: bytes | None = None) -> str:
        return self._send(method, f"{self.url}/_sandbox/{path}", data)

    def _send(self, method: str, url: str, data: bytes | None = None) -> str:
        headers = {**self.headers, "Content-Type": "application/json"}
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as response:
            return cast(str, response.read().decode())


@contextlib.contextmanager
def running_sandbox(
    *,
    profile: str = "google",
    deploy_seconds: float = 0.2,
    operation_seconds: float = 0.0,
    project: str = PROJECT,
    state: Path | None = None,
    plugins: bool = False,
    enabled: tuple[str, ...] = (),
    **settings: Any,
) -> Iterator[SandboxHandle]:
    """A sandbox on a free port, stopped at the end of the block.

    Args:
        profile: "google" or "article".
        deploy_seconds: how long a deployModel takes.
        operation_seconds: how long other long-running operations take; 0 has them done in the first answer.
        project: the id of the seeded project.
        state: a state file; None keeps the state in memory.
        plugins: also start the stand-in gcp and kubernetes providers, and set PULUMI_DEBUG_PROVIDERS.
        enabled: services ("aiplatform") whose APIs are enabled in the project before the block begins.
        settings: other fields of sandbox.options.Options, e.g. deploy_concurrency=1.
    """
    options = Options.model_validate(
        {"profile": profile, "deploy_seconds": deploy_seconds, "operation_seconds": operation_seconds, **settings}
    )
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-")))
        running = RunningSandbox(state, options, project)
        stack.callback(running.stop)
        variables = environment(running.sandbox, folder)
        if plugins:
            stack.callback(attach_plugins(variables))
        handle = SandboxHandle(running, variables)
        if enabled:
            handle.enable(*enabled)
        yield handle
