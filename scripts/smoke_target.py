"""What a smoke test is of: a stack, by its outputs, or one endpoint, by flags."""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts import serving


@dataclass(frozen=True)
class Target:
    """What is tested: the application's routes, and, where a route leads to one, the endpoint and its split.

    `routes` is the stack's output of that name, `endpoint` a full resource name or "", `expected_split` percent by
    deployed model name, `private_apis` the stack's output `privateApis` (`network`, `address`, `domains`), {} without.
    """

    routes: dict[str, Any]
    endpoint: str = ""
    region: str = ""
    expected_split: dict[str, int] = field(default_factory=dict)
    private_apis: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it is called in the report."""
        return self.endpoint or f"the managed models of {self.routes.get('project', 'the stack')}"

    @property
    def project(self) -> str:
        """The project's id."""
        return str(self.routes["project"])

    @property
    def host(self) -> str:
        """The host that the application reaches the endpoint by, "" where the routes name none."""
        routes = self.routes["routes"]
        return str(next((route.get("host", "") for route in routes if route["serving"] == "endpoint"), ""))

    @property
    def api_hosts(self) -> list[str]:
        """Google's own hosts that the application calls for its managed models."""
        from gemini_client.hosts import vertex_host

        return [vertex_host(route["location"]) for route in self.routes["routes"] if route["serving"] == "managed"]


def from_outputs(outputs: dict[str, Any]) -> Target:
    """The target that a stack's outputs describe.

    Raises:
        serving.SmokeError: an output is missing, because the last `pulumi up` did not end well.
    """
    try:
        routes = outputs["routes"]
        private_apis = outputs.get("privateApis", {})
        if all(route["serving"] == "managed" for route in routes["routes"]):
            return Target(routes, private_apis=private_apis)
        return Target(
            routes,
            endpoint=outputs["endpointName"],
            region=outputs["clientEnvironment"]["GCP_REGION"],
            expected_split={name: int(percent) for name, percent in outputs["configuredTrafficSplit"].items()},
            private_apis=private_apis,
        )
    except KeyError as missing:
        raise serving.SmokeError(
            f"The stack has no output {missing}: its last `pulumi up` did not finish. Run `pulumi up` again."
        ) from None


def one_endpoint(args: argparse.Namespace) -> Target:
    """The target that the flags name: an endpoint; what they leave out, `endpoints.get` says."""
    name = f"projects/{args.project}/locations/{args.region}/endpoints/{args.endpoint_id}"
    api = {"auto": "", "gemini": "generateContent", "predict": "predict"}[args.api]
    route = {"name": "endpoint", "serving": "endpoint", "endpoint": name, "host": args.host or "", "api": api}
    split = {each: int(percent) for each, _, percent in (part.partition("=") for part in args.expect)}
    routes = {"version": 1, "project": args.project, "routes": [{**route, "weight": 100}]}
    return Target(routes, name, args.region, split)


def stack_outputs(stack: str | None) -> dict[str, Any]:
    """The outputs of a stack, as `pulumi stack output --json` gives them.

    Raises:
        serving.SmokeError: no pulumi, no such stack, or no access to its state.
    """
    command = ["pulumi", "stack", "output", "--json", *(["--stack", stack] if stack else [])]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    except FileNotFoundError:
        raise serving.SmokeError(
            "pulumi is not on PATH: `source .venv/bin/activate` after `make setup`, or name the endpoint by flags."
        ) from None
    except subprocess.TimeoutExpired:
        raise serving.SmokeError(
            "`pulumi stack output` gave no answer in 120 s: is the state backend in reach?"
        ) from None
    if done.returncode != 0:
        raise serving.SmokeError(f"`{' '.join(command)}` failed: {done.stderr.strip().removeprefix('error: ')}")
    outputs: dict[str, Any] = json.loads(done.stdout or "{}")
    return outputs


def read_outputs(file: str) -> dict[str, Any]:
    """The outputs of a stack in a file, or on standard input for `-`, as `pulumi stack output --json` printed them.

    Raises:
        serving.SmokeError: there is no such file, or it is none of these.
    """
    try:
        outputs = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise serving.SmokeError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise serving.SmokeError(f"{file} holds no JSON: give what `pulumi stack output --json` prints.") from None
    if not isinstance(outputs, dict):
        raise serving.SmokeError(f"{file} holds no outputs: give what `pulumi stack output --json` prints.")
    return outputs
