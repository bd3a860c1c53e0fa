"""Does a stack that is up really serve? Asks it, and compares what it says with what was configured.

    python scripts/smoke_test.py --stack prod            reads the stack's outputs: its routes, and its endpoint if any
    python scripts/smoke_test.py --project P --endpoint-id 123 --host H --expect flash=95 --expect pro=5
    pulumi stack output --json | python scripts/smoke_test.py --outputs -    where there is no Pulumi, as in a pod

Exit status: 0 only if every check holds, 1 if one does not (a sentence says which and what to do), 2 for wrong
arguments.
A private path leads only from inside its network: run this from a machine or pod there.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import private_path, serving
from scripts.smoke_target import Target, from_outputs, one_endpoint, read_outputs, stack_outputs

if TYPE_CHECKING:  # it brings google-genai, which takes a second
    from gemini_client import Routes

QUESTION = "What is 2 + 2? Reply with just the number."
ANSWER = "4"
WITHIN_SECONDS = 2.0
ASKED = 3
PICKS = 1000
STREAMED = "Name the days of the week, one a line."


@dataclass(frozen=True)
class Check:
    """One check: its name, whether it held, what was seen, and where it did not hold what to do about it."""

    name: str
    ok: bool
    seen: str
    todo: str = ""


def check_path(name: str, follow: Callable[[], str]) -> Check:
    """That every piece of a private path is there; who may not look is told so, and left with the answer."""
    try:
        return Check(name, True, follow())
    except serving.SmokeError as error:
        if str(error).startswith("403:"):
            return Check(name, True, f"not looked at, {str(error)[:120]}")
        return Check(name, False, "a piece is missing", str(error))


def check_paths(target: Target, live: dict[str, Any]) -> list[Check]:
    """Each private path of the stack: to its endpoint, and to Google's own APIs."""
    found = []
    if live.get("privateServiceConnectConfig", {}).get("enablePrivateServiceConnect"):
        session, project = serving.session(), target.endpoint.split("/")[1]
        follow = partial(private_path.follow, session, project, target.region, live, target.host)
        found.append(check_path("private path", follow))
    elif live.get("network"):
        found.append(check_path("private path", partial(private_path.follow_peering, serving.session(), live)))
    if target.private_apis:
        follow = partial(
            private_path.follow_apis, serving.session(), target.project, target.private_apis, target.api_hosts
        )
        found.append(check_path("private APIs", follow))
    return found


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


def check_routes(found: "Routes") -> Check:
    """The application's own choice among the routes, over even chances, against their weights."""
    from gemini_client.picking import pick

    picks = Counter(pick(found.routes, None, (number + 0.5) / PICKS).name for number in range(PICKS))
    seen, wrong = [], []
    for route in found.routes:
        share = 100 * picks[route.name] / PICKS
        where = f"{route.model} in {route.location}" if route.serving == "managed" else "its endpoint"
        seen.append(f"{route.name} {share:g} % ({where})")
        if abs(share - route.weight) > 0.1:
            wrong.append(f"{route.name} should get {route.weight:g} %")
    todo = f"{'; '.join(wrong)}. Is this the gemini_client of this version?" if wrong else ""
    return Check("routes", not wrong, ", ".join(seen), todo)


def run_checks(target: Target, stream: bool = True) -> list[Check]:
    """Run every check; one that cannot be made is a check that does not hold.

    Args:
        target: what to test.
        stream: whether to ask for streamed answers too.
    """
    checks: list[Check] = []

    def attempt(name: str, check: Callable[[], Check]) -> None:
        try:
            checks.append(check())
        except serving.SmokeError as error:
            checks.append(Check(name, False, "no answer", str(error)))

    control: serving.Control | None = None
    live: dict[str, Any] = {}
    if target.endpoint:
        try:
            control = serving.Control(target.region)
            live = control.endpoint(target.endpoint)
            if not live.get("deployedModels"):
                raise serving.SmokeError("No model is deployed on the endpoint. Run `pulumi up`.")
        except serving.SmokeError as error:
            return [Check("endpoint", False, target.endpoint, str(error))]
    try:
        checks += check_paths(target, live)
        found = serving.routes(target.routes)
    except serving.SmokeError as error:
        return [*checks, Check("routes", False, "unreadable", str(error))]
    with serving.callers(found) as callers:
        attempt("answer", lambda: of_each(callers, check_answer))
        if stream and not live.get("network"):  # Google streams on no peered endpoint
            attempt("stream", lambda: of_each(callers, check_stream))
    if len(found.routes) > 1 or not control:
        attempt("routes", lambda: check_routes(found))
    if control:
        # read after the calls: replicas and operations are then as the calls left them
        asked = control
        attempt("traffic split", lambda: check_split(target, asked.endpoint(target.endpoint)))
        attempt("replicas", lambda: check_replicas(asked.endpoint(target.endpoint)))
        attempt("operations", lambda: check_operations(asked.operations(target.endpoint)))
    return checks


def of_each(callers: dict[str, serving.Caller], check: Callable[[serving.Caller], Check]) -> Check:
    """One check of every route, told as one; a route that gives no answer hides no other."""
    made = []
    for name, caller in callers.items():
        try:
            made.append((name, check(caller)))
        except serving.SmokeError as error:
            made.append((name, Check("", False, "no answer", str(error))))
    title = check.__name__.removeprefix("check_")
    if len(made) == 1:
        return replace(made[0][1], name=title)
    return Check(
        title,
        all(each.ok for _, each in made),
        "; ".join(f"{name}: {each.seen}" for name, each in made),
        " ".join(f"{name}: {each.todo}" for name, each in made if not each.ok),
    )


def print_table(target: Target, checks: list[Check]) -> None:
    """For people: a table, then a sentence for each check that does not hold."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(title=f"Smoke test of {target.title}", title_justify="left")
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
    parser.add_argument("--outputs", metavar="FILE", help="a stack's outputs as JSON instead, `-` for standard input")
    parser.add_argument("--project", help="instead of a stack: project id")
    parser.add_argument("--region", default="us-central1", help="with --project (default us-central1)")
    parser.add_argument("--endpoint-id", help="with --project: the endpoint's numeric id")
    parser.add_argument(
        "--host", help="with --project: host that serves the endpoint (default: as endpoints.get has it)"
    )
    parser.add_argument(
        "--expect", action="append", default=[], metavar="NAME=PERCENT", help="with --project: the split"
    )
    parser.add_argument(
        "--api", choices=("auto", "gemini", "predict"), default="auto", help="with --project: how its models are called"
    )
    parser.add_argument(
        "--no-stream", action="store_true", help="leave the streamed answer out (containers without it)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    args = parser.parse_args(argv)
    if sum(bool(each) for each in (args.stack, args.outputs, args.project)) > 1:
        parser.error("--stack, --outputs and --project exclude one another")
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
            target = one_endpoint(args)
        else:
            target = from_outputs(read_outputs(args.outputs) if args.outputs else stack_outputs(args.stack))
    except serving.SmokeError as error:
        print(json.dumps({"ok": False, "error": str(error)}) if args.json else f"smoke test: {error}")
        return 1
    checks = run_checks(target, stream=not args.no_stream)
    ok = all(check.ok for check in checks)
    if args.json:
        print(json.dumps({"ok": ok, "target": target.title, "checks": [asdict(c) for c in checks]}, ensure_ascii=False))
    else:
        print_table(target, checks)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
