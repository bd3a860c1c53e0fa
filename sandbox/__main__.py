"""python -m sandbox run|serve|env|stop|faults|methods"""

import argparse
import sys
from pathlib import Path

import yaml

from sandbox import faults, lifecycle, methods, ordering
from sandbox.core import PROJECT
from sandbox.errors import Json
from sandbox.lifecycle import DEFAULT_STATE, CommandError, Start
from sandbox.plugins import CHOICES


def main(arguments: list[str]) -> int:
    """Runs one command and returns its exit code."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "env":
            print(lifecycle.env(options.state or DEFAULT_STATE))
            return 0
        if options.command == "methods":
            return _methods(options.write)
        if options.command == "faults":
            print(ordering.faults(options.verb, options.orders, options.state))
            return 0
        if options.command == "stop":
            print(lifecycle.stop(options.state or DEFAULT_STATE))
            return 0
        start = Start(
            options.project,
            options.profile,
            options.deploy_seconds,
            getattr(options, "port", 0),
            options.plugins,
            seed=options.seed,
            clock_rate=options.clock,
            latency=options.latency,
            faults=(*(order for each in options.faults for order in each), *options.fault),
            record=options.record,
        )
        if options.command == "serve":
            return lifecycle.serve(start, options.state or DEFAULT_STATE, options.idle_timeout)
        command = options.cmd[1:] if options.cmd[:1] == ["--"] else options.cmd
        if not command:
            raise CommandError("There is nothing to run: python -m sandbox run -- CMD…")
        return lifecycle.run(
            command, start, options.state, attach=options.attach, pod=options.as_pod, mount=options.mount
        )
    except CommandError as error:
        return lifecycle.fail(error)


def _methods(page: Path | None) -> int:
    if page is None:
        print(methods.table())
        return 0
    try:
        methods.write(page)
    except (OSError, methods.MarkerError) as error:
        raise CommandError(str(error)) from None
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m sandbox", description="Google Cloud on loopback: the APIs that this stack touches, no account."
    )
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="start a sandbox, run a command that sees it, stop")
    serve = commands.add_parser("serve", help="keep a sandbox up")
    env = commands.add_parser("env", help="print the variables of the running sandbox, for eval")
    stop = commands.add_parser("stop", help="end the running sandbox")
    ordered = commands.add_parser("faults", help="add, list or clear the faults of the running sandbox")
    ordered.add_argument("verb", choices=["add", "list", "clear"])
    ordered.add_argument(
        "orders", nargs="*", type=_fault, metavar="FAULT", help="e.g. method=*.predict,nth=2,status=503"
    )
    table = commands.add_parser("methods", help="print the table of every method, imitated or 501, as Markdown")
    table.add_argument("--write", type=Path, metavar="PAGE", help="put it into this page instead")
    for each in (run, serve):
        each.add_argument("--profile", choices=["google", "article"], help="article: base Gemini deploys on endpoints")
        each.add_argument("--project", default=PROJECT, help=f"id of a new sandbox's project (default {PROJECT})")
        each.add_argument("--plugins", choices=CHOICES, help="Pulumi's gcp and kubernetes (default auto)")
        each.add_argument("--deploy-seconds", type=_seconds, help="how long a deployment takes (default 3)")
        each.add_argument("--seed", type=int, help="of every random choice (default 0)")
        each.add_argument("--clock", type=_rate, help="real (default), stepped, or how many times faster than real")
        each.add_argument("--latency", choices=["none", "realistic"], help="how long answers take (default none)")
        each.add_argument(
            "--fault",
            action="append",
            type=_fault,
            default=[],
            metavar="FAULT",
            help="a fault to order, e.g. method=*.deployModel,nth=2,status=503,retryAfter=3; may be given again",
        )
        each.add_argument(
            "--faults", action="append", type=_faults, default=[], metavar="FILE", help="faults as JSON or YAML"
        )
        each.add_argument("--record", type=Path, metavar="FILE", help="add every call to this file, a JSON line each")
    for each in (run, serve, env, stop, ordered):
        default = "in memory" if each is run else str(DEFAULT_STATE)
        each.add_argument("--state", type=Path, help=f"state file (default {default})")
    run.add_argument("--attach", action="store_true", help="use the running sandbox instead of starting one")
    run.add_argument(
        "--as-pod",
        default="",
        metavar="NAMESPACE/ACCOUNT",
        help="run the command with nothing but the identity of a pod that runs as this Kubernetes service account",
    )
    run.add_argument(
        "--mount",
        action="append",
        default=[],
        metavar="KIND/NAME=FOLDER",
        help="of --as-pod: a configmap or secret as files in an empty folder, kept as the cluster has it; with"
        " ,optional behind it it need not be there; may be given again",
    )
    run.add_argument("cmd", nargs=argparse.REMAINDER, metavar="-- CMD", help="the command and its arguments")
    serve.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    serve.add_argument("--idle-timeout", type=_seconds, default=0, help="end after so many seconds without a request")
    return top


def _rate(text: str) -> float:
    named = {"real": 1.0, "stepped": 0.0}
    rate = named[text] if text in named else float(text.removesuffix("x"))
    if not 0 <= rate <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is not real, stepped, or a number up to 100000")
    return rate


def _fault(text: str) -> Json:
    return faults.parse(text)


def _faults(text: str) -> list[Json]:
    try:
        found = yaml.safe_load(Path(text).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise argparse.ArgumentTypeError(f"cannot read {text}: {error}") from None
    found = found["faults"] if isinstance(found, dict) and set(found) == {"faults"} else found
    return found if isinstance(found, list) else [found]


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 86400 seconds")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
