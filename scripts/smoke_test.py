"""Does a stack that is up really serve? Asks it, and compares what it says with what was configured.

    python scripts/smoke_test.py --stack prod            reads the stack's outputs
    python scripts/smoke_test.py --project P --endpoint-id 123 --host H --expect flash=95 --expect pro=5

Exit status: 0 only if every check holds, 1 if one does not (a sentence says which and what to do), 2 for wrong
arguments.
A private endpoint answers only inside its network: run this from a machine or pod there.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import private_path, serving

QUESTION = "What is 2 + 2? Reply with just the number."
ANSWER = "4"
WITHIN_SECONDS = 2.0
ASKED = 3
STREAMED = "Name the days of the week, one a line."


@dataclass(frozen=True)
class Target:
    """What is tested: an endpoint, where and how to call it, and the split it should have by deployed model name (percent)."""

    project: str
    region: str
    endpoint_id: str
    host: str
    scheme: str = "https"
    expected_split: dict[str, int] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """The endpoint's full resource name."""
        return f"projects/{self.project}/locations/{self.region}/endpoints/{self.endpoint_id}"


@dataclass(frozen=True)
class Check:
    """One check: its name, whether it held, what was seen, and where it did not hold what to do about it."""

    name: str
    ok: bool
    seen: str
    todo: str = ""


def from_outputs(outputs: dict[str, Any]) -> Target:
    """The target that a stack's outputs describe.

    Raises:
        serving.SmokeError: an output is missing, because the last `pulumi up` did not end well.
    """
    try:
        environment = outputs["clientEnvironment"]
        return Target(
            project=environment["GCP_PROJECT_ID"],
            region=environment["GCP_REGION"],
            endpoint_id=environment["VERTEX_ENDPOINT_ID"],
            host=outputs["endpointHost"],
            scheme=_scheme(outputs),
            expected_split={name: int(percent) for name, percent in outputs["configuredTrafficSplit"].items()},
        )
    except KeyError as missing:
        raise serving.SmokeError(
            f"The stack has no output {missing}: its last `pulumi up` did not finish. Run `pulumi up` again."
        ) from None


def _scheme(outputs: dict[str, Any]) -> str:
    """How the application calls the endpoint, by its route."""
    routes = outputs.get("routes", {}).get("routes", [])
    return next((str(route["scheme"]) for route in routes if route.get("scheme")), "https")


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


def check_path(control: serving.Control, target: Target, live: dict[str, Any]) -> Check:
    """That every piece of a private path is there; who may not look is told so, and left with the answer."""
    try:
        led = private_path.follow(control.session, target.project, target.region, live, target.host)
    except serving.SmokeError as error:
        if str(error).startswith("403:"):
            return Check("private path", True, f"not looked at, {str(error)[:120]}")
        return Check("private path", False, target.host or "no host", str(error))
    return Check("private path", True, led)


def check_answer(caller: serving.Caller) -> Check:
    """The article's question, asked three times: every answer must be 4, the median within two seconds."""
    answers = [caller.ask(QUESTION) for _ in range(ASKED)]
    median = statistics.median(answer.seconds for answer in answers)
    by = ", ".join(sorted({answer.model for answer in answers if answer.model})) or "the endpoint"
    wrong = [answer.text for answer in answers if answer.text.strip().rstrip(".") != ANSWER]
    if wrong:
        return Check(
            "answer",
            False,
            f"{wrong[0][:60]!r}",
            f'"{QUESTION}" should be answered {ANSWER}. Is the right model deployed?',
        )
    seen = f"{ANSWER} in {median:.3f} s (median of {ASKED}) from {by}"
    if median > WITHIN_SECONDS:
        return Check(
            "answer", False, seen, f"It should take under {WITHIN_SECONDS:g} s: look at replicas and at the region."
        )
    return Check("answer", True, seen)


def check_stream(caller: serving.Caller) -> Check:
    """One streamed answer, which must come in more than one piece."""
    started = time.monotonic()
    first, chunks, characters = 0.0, 0, 0
    for text in caller.stream(STREAMED):
        first = first or time.monotonic() - started
        chunks += 1
        characters += len(text)
    seen = f"{chunks} chunks, {characters} characters, the first after {first:.3f} s"
    if chunks < 2:
        return Check(
            "stream", False, seen, "A streamed answer should come in several chunks: something between buffers it."
        )
    return Check("stream", True, seen)


def check_split(target: Target, live: dict[str, Any]) -> Check:
    """The live split, by deployed model name, against the configured one; a peered endpoint has none, and one model."""
    if live.get("network"):
        models = [model.get("displayName", model["id"]) for model in live.get("deployedModels", [])]
        wrong = sorted(target.expected_split) != sorted(models) if target.expected_split else len(models) != 1
        todo = f"It should hold {', '.join(target.expected_split) or 'one model'}. Run `pulumi up`."
        return Check("traffic split", not wrong, f"peered: all to {', '.join(models) or 'none'}", todo if wrong else "")
    names = {model["id"]: model.get("displayName", model["id"]) for model in live.get("deployedModels", [])}
    split = {
        names.get(key, f"id {key}"): int(percent) for key, percent in live.get("trafficSplit", {}).items() if percent
    }
    wanted = {name: percent for name, percent in target.expected_split.items() if percent}
    seen = (
        ", ".join(f"{name} {percent} %" for name, percent in sorted(split.items(), key=lambda kv: -kv[1]))
        or "no traffic"
    )
    if not wanted:
        return Check("traffic split", bool(split), seen, "" if split else "No model gets traffic. Run `pulumi up`.")
    if split == wanted:
        return Check("traffic split", True, f"{seen}, as configured")
    expected = ", ".join(f"{name} {percent} %" for name, percent in wanted.items())
    return Check(
        "traffic split", False, seen, f"Configured is {expected}. `pulumi refresh` then `pulumi up` puts it back."
    )


def check_replicas(live: dict[str, Any]) -> Check:
    """Each deployed model's replicas, between their bounds; a model on Google's shared machines has none of its own."""
    seen, missing = [], []
    for model in live.get("deployedModels", []):
        name = model.get("displayName", model["id"])
        bounds = model.get("dedicatedResources")
        if not bounds:
            seen.append(f"{name} shared, no replicas of its own")
            continue
        low, high = bounds.get("minReplicaCount", 0), bounds.get("maxReplicaCount", 0)
        now = model.get("status", {}).get("availableReplicaCount", 0)
        seen.append(f"{name} {now} of {low}–{high}")
        if now < low:
            missing.append(name)
    if not seen:
        return Check("replicas", False, "no model is deployed", "Run `pulumi up`.")
    todo = f"{', '.join(missing)} has fewer than its minimum: still starting, or out of quota for its machine type."
    return Check("replicas", not missing, ", ".join(seen), todo if missing else "")


def check_operations(operations: list[dict[str, Any]]) -> Check:
    """The endpoint's newest operations, of which none may still run."""
    running = [operation for operation in operations if not operation.get("done")]
    newest = ", ".join(serving.describe_operation(operation) for operation in operations[:4]) or "none"
    todo = f"{len(running)} still running: the stack has not settled. `pulumi up` joins them." if running else ""
    return Check("operations", not running, newest, todo)


def run_checks(target: Target, api: str, stream: bool = True) -> list[Check]:
    """Run every check; one that cannot be made is a check that does not hold.

    Args:
        target: the endpoint.
        api: `gemini` (generateContent), `predict`, or `auto` to ask the deployed models which.
        stream: whether to ask for a streamed answer too.
    """
    checks: list[Check] = []

    def attempt(name: str, check: Callable[[], Check]) -> None:
        try:
            checks.append(check())
        except serving.SmokeError as error:
            checks.append(Check(name, False, "no answer", str(error)))

    try:
        control = serving.Control(target.region)
        live = control.endpoint(target.endpoint)
        if live.get("privateServiceConnectConfig", {}).get("enablePrivateServiceConnect"):
            checks.append(check_path(control, target, live))
        caller = serving.caller(control, target.endpoint, target.host, api, live, target.scheme)
    except serving.SmokeError as error:
        return [*checks, Check("endpoint", False, target.endpoint, str(error))]
    attempt("answer", lambda: check_answer(caller))
    if stream and not live.get("network"):  # Google streams on no peered endpoint
        attempt("stream", lambda: check_stream(caller))
    # read after the calls: replicas and operations are then as the calls left them
    attempt("traffic split", lambda: check_split(target, control.endpoint(target.endpoint)))
    attempt("replicas", lambda: check_replicas(control.endpoint(target.endpoint)))
    attempt("operations", lambda: check_operations(control.operations(target.endpoint)))
    return checks


def print_table(target: Target, checks: list[Check]) -> None:
    """For people: a table, then a sentence for each check that does not hold."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(title=f"Smoke test of {target.endpoint}", title_justify="left")
    for heading in ("", "check", "seen"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        table.add_row(
            Text("ok" if check.ok else "NO", style="green" if check.ok else "bold red"), check.name, Text(check.seen)
        )
    console.print(table)
    for check in checks:
        if not check.ok:
            console.print(Text(f"{check.name}: {check.todo}"))


def arguments(argv: list[str]) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description="Checks that a stack that is up really serves.")
    parser.add_argument("--stack", help="stack whose outputs are read (default: the selected one)")
    parser.add_argument("--project", help="instead of a stack: project id")
    parser.add_argument("--region", default="us-central1", help="with --project (default us-central1)")
    parser.add_argument("--endpoint-id", help="with --project: the endpoint's numeric id")
    parser.add_argument(
        "--host", help="with --project: host that serves the endpoint (default the region's shared host)"
    )
    parser.add_argument("--scheme", choices=("https", "http"), default="https", help="with --host (default https)")
    parser.add_argument(
        "--expect", action="append", default=[], metavar="NAME=PERCENT", help="with --project: the split"
    )
    parser.add_argument(
        "--api", choices=("auto", "gemini", "predict"), default="auto", help="how the models are called"
    )
    parser.add_argument(
        "--no-stream", action="store_true", help="leave the streamed answer out (containers without it)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    args = parser.parse_args(argv)
    if bool(args.project) != bool(args.endpoint_id):
        parser.error("--project and --endpoint-id go together")
    if any(not (p := part.partition("="))[0] or not p[2].isdecimal() for part in args.expect):
        parser.error("--expect takes NAME=PERCENT, for instance --expect gemini-flash-primary=95")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    args = arguments(sys.argv[1:] if argv is None else argv)
    try:
        if args.project:
            split = {name: int(percent) for name, _, percent in (part.partition("=") for part in args.expect)}
            host = args.host or f"{args.region}-aiplatform.googleapis.com"
            target = Target(args.project, args.region, args.endpoint_id, host, args.scheme, split)
        else:
            target = from_outputs(stack_outputs(args.stack))
    except serving.SmokeError as error:
        print(json.dumps({"ok": False, "error": str(error)}) if args.json else f"smoke test: {error}")
        return 1
    checks = run_checks(target, args.api, stream=not args.no_stream)
    ok = all(check.ok for check in checks)
    if args.json:
        print(
            json.dumps(
                {"ok": ok, "endpoint": target.endpoint, "checks": [asdict(c) for c in checks]}, ensure_ascii=False
            )
        )
    else:
        print_table(target, checks)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
