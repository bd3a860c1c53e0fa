"""examples/chat-service as a pod of the sandbox's cluster: with the identity, variables and mounts of its Deployment.

The process has the image's own packages (examples/chat-service/requirements.txt) and nothing else. What differs from a
pod: it listens on loopback, and what is mounted at /etc/… is below a folder of its own, as the variables then say.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from scripts.tool_environment import tool_environment
from scripts.workspace import ROOT

SERVICE = ROOT / "examples/chat-service"
DEPLOYMENT = SERVICE / "k8s/deployment.yaml"
NAMESPACE = "production"
_IN_THE_FOLDER = 'cd "$0" && exec "$@"'
_START_SECONDS = 60.0

Event = tuple[str, dict[str, Any]]


class PodError(Exception):
    """The service did not start or stop as a pod should; the message has its log."""


class ChatPod:
    """The running service.

    Attributes:
        url: its address.
        log: what it wrote, JSON lines.
        process: of `sandbox run --as-pod`, which ends when the service does.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], **variables: str) -> None:
        """Starts it, and waits until it answers.

        Args:
            folder: for its files; made, and emptied of what an earlier one left by `stop`.
            environment: of the deployer, in a sandbox.
            variables: more of the container's, or others in their place.
        """
        self.log = folder / "service.log"
        self._http = httpx.Client(timeout=180, trust_env=False)
        app, root = folder / "app", folder / "root"
        app.mkdir(parents=True, exist_ok=True)
        for part in (ROOT / "gemini_client", SERVICE / "chat_service"):
            link = app / part.name
            link.unlink(missing_ok=True)
            link.symlink_to(part)
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        pod = yaml.safe_load(DEPLOYMENT.read_text())["spec"]["template"]["spec"]
        python = str(tool_environment(SERVICE / "requirements.txt") / "python")
        command = [sys.executable, "-m", "sandbox", "run", "--as-pod", f"{NAMESPACE}/{pod['serviceAccountName']}"]
        command += [part for mount in mounts_of(pod, root) for part in ("--mount", mount)]
        command += ["--", "sh", "-c", _IN_THE_FOLDER, str(app), python, "-m", "chat_service"]
        own = {**variables_of(pod, root), "HOST": "127.0.0.1", "PORT": str(port), **variables}
        with self.log.open("w") as said:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env={**environment, **own}, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        self.wait_for(lambda: self.status("/healthz") == 200, "did not start")

    def status(self, path: str) -> int:
        """The status that a GET is answered with; 0 for none."""
        try:
            return self._http.get(self.url + path).status_code
        except httpx.TransportError:
            return 0

    def get(self, path: str) -> Any:
        """What a GET is answered with, parsed."""
        return self._http.get(self.url + path).json()

    def stream(self, text: str, session: str | None = None) -> Iterator[Event]:
        """A question's events as they come; a problem instead of an answer is the one event `problem`."""
        body = {"messages": [{"role": "user", "text": text}], **({"session": session} if session else {})}
        with self._http.stream("POST", f"{self.url}/v1/chat", json=body) as answer:
            if answer.status_code != 200:
                yield "problem", json.loads(answer.read())
                return
            name = ""
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

    def ask(self, text: str, session: str | None = None) -> Event:
        """The last event of a question's answer."""
        return list(self.stream(text, session))[-1]

    def shares(self, questions: int) -> Counter[str]:
        """How many of so many questions each route answered; sessions of their own, so the same each time."""
        found: Counter[str] = Counter()
        for number in range(questions):
            name, data = self.ask("2 + 2", f"session-{number}")
            found[data["route"] if name == "done" else name] += 1
        return found

    def wait_for(self, happened: Any, what: str, seconds: float = _START_SECONDS) -> None:
        """Wait until `happened()` is true.

        Raises:
            PodError: it was not within `seconds`, or the service has ended.
        """
        deadline = time.monotonic() + seconds
        while not happened():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise PodError(f"The service {what}. Its log:\n{self.log.read_text()}")
            time.sleep(0.1)

    def lines(self) -> list[dict[str, Any]]:
        """Its log so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self) -> None:
        """SIGTERM, as a cluster says it; waits for the end."""
        self._http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise PodError(f"The service did not stop. Its log:\n{self.log.read_text()}") from None


@contextlib.contextmanager
def chat_pod(folder: Path, environment: Mapping[str, str] | None = None, **variables: str) -> Iterator[ChatPod]:
    """The service for the length of the block; see ChatPod."""
    pod = ChatPod(folder, os.environ if environment is None else environment, **variables)
    try:
        yield pod
    finally:
        pod.stop()


def mounts_of(pod: Mapping[str, Any], root: Path) -> list[str]:
    """The `--mount` of each volume that the pod's container has, below `root`."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    found = []
    for mount in pod["containers"][0]["volumeMounts"]:
        volume = volumes[mount["name"]]
        kind, name = ("configmap", "name") if "configMap" in volume else ("secret", "secretName")
        source = volume["configMap" if kind == "configmap" else "secret"]
        optional = ",optional" if source.get("optional") else ""
        found.append(f"{kind}/{source[name]}={_below(root, mount['mountPath'])}{optional}")
    return found


def variables_of(pod: Mapping[str, Any], root: Path) -> dict[str, str]:
    """The variables of the pod's container, paths of mounts below `root`; a ConfigMap's keys are left out."""
    fields = {"metadata.namespace": NAMESPACE, "spec.serviceAccountName": pod["serviceAccountName"]}
    container = pod["containers"][0]
    paths = [mount["mountPath"] for mount in container["volumeMounts"]]
    found = {}
    for variable in container["env"]:
        if (value := variable.get("value")) is not None:
            mounted = any(value.startswith(f"{path}/") for path in paths)
            found[variable["name"]] = str(_below(root, value)) if mounted else value
        elif "fieldRef" in variable["valueFrom"]:
            found[variable["name"]] = fields[variable["valueFrom"]["fieldRef"]["fieldPath"]]
    return found


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
