"""Can this stack go up? Reads what it needs and changes nothing.

    python scripts/preflight.py --stack prod                    a table for people
    python scripts/preflight.py --stack prod --json             for machines
    python scripts/preflight.py --stack prod --request-quota --contact me@example.com

Exit status: 0 if nothing stands in the way, 1 if something does (each line says the command or role that mends it), 2
for wrong arguments, a stack that cannot be read, or mistakes in its configuration.
--request-quota shows the quota increases that would be needed, asks, and files them: the only thing that writes.
"""

import argparse
import datetime as dt
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # Run as a script, its own folder comes first on the path, where this file would hide the package `preflight`.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import pricing
from model_catalogue import today
from preflight import access, cost, models, network, perimeter, pool, quota, request
from preflight.finding import Finding
from preflight.google import LOGIN, Google, RefusedError, unmade
from preflight.stack import StackError, State, read_settings, read_state
from settings import Settings, SettingsError


@dataclass(frozen=True)
class Report:
    """All findings, the quotas that are too small (None where none was read), and the cost of a project in reach."""

    findings: list[Finding]
    shortages: list[quota.Shortage] | None = None
    cost: pricing.Cost | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing stands in the way."""
        return all(finding.status != "fail" for finding in self.findings)


def examine(google: Google, settings: Settings, day: dt.date, state: State | None = None) -> Report:
    """Every check, in the order in which things would fail. `state` is the stack's, None before a first update."""
    state = state or State()
    findings, project = access.check_project(google, settings)
    if project is None:
        return Report(findings)
    findings += access.check_apis(google, settings)
    findings += access.check_permissions(google, settings, project)
    findings += perimeter.check_access_policy(google, settings, project, state)
    of_quota, shortages = quota.check_quota(google, settings)
    findings += of_quota
    findings += models.check_models(google, settings, day)
    findings += network.check_network(google, settings, state)
    findings.append(pool.check_pool(google, settings))
    of_cost, priced = cost.check_cost(google, settings, day, state.outputs.get("cost"))
    return Report(findings + of_cost, shortages, priced)


def print_table(stack: str, findings: list[Finding]) -> None:
    """For people: a table, then what mends each failure."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    table = Table(title=f"Preflight of stack {stack}", title_justify="left")
    for heading in ("", "check", "seen"):
        table.add_column(heading, overflow="fold")
    words = {"ok": ("ok", "green"), "warn": ("!", "yellow"), "fail": ("NO", "bold red")}
    for finding in findings:
        word, style = words[finding.status]
        table.add_row(Text(word, style=style), finding.check, Text(finding.seen))
    console.print(table)
    for finding in findings:
        if finding.status == "fail" and finding.fix:
            console.print(Text(f"{finding.check}: {finding.fix}"), soft_wrap=True)


def request_quota(google: Google, settings: Settings, report: Report, args: argparse.Namespace) -> int:
    """Shows the increases that are needed, asks, and files them; returns the exit status."""
    of_quota = [finding for finding in report.findings if finding.check == "quota"]
    if report.shortages is None:
        why = "; ".join(f"{each.seen}. {each.fix}" for each in of_quota) or "the project is out of reach, see above"
        print(f"The quota could not be read, so nothing is asked for: {why}", file=sys.stderr)
        return 1
    if not report.shortages:
        print("No quota that could be compared is too small.", file=sys.stderr)
        for each in of_quota:
            if each.status == "warn" and "not compared" in each.seen:
                print(f"  {each.seen}", file=sys.stderr)
        return 0
    try:
        increases, impossible = request.planned(google, settings.project, report.shortages)
        for sentence in impossible:
            print(sentence, file=sys.stderr)
        if not increases:
            print("No quota increase can be filed.", file=sys.stderr)
            return 1
        print(f"Quota increases for project {settings.project}:", file=sys.stderr)
        for increase in increases:
            print(f"  {increase}", file=sys.stderr)
        if not args.yes and not _agreed():
            print("Nothing was filed.", file=sys.stderr)
            return 1
        why = f"maxReplicaCount, and the requests that are expected, of Pulumi stack {args.stack}"
        for increase in increases:
            stands = request.file(google, settings.project, increase, args.contact, why)
            print(f"{increase.quota_id}: {stands}", file=sys.stderr)
    except RefusedError as error:
        finding = unmade("quota increase", error, settings.project, "cloudquotas.quotas.update", google.member)
        print(f"{finding.check}: {finding.seen}. {finding.fix}", file=sys.stderr)
        return 1
    return 1 if impossible else 0


def _agreed() -> bool:
    print("File them? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def arguments(argv: list[str]) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description="Finds out what stands in the way of a stack; changes nothing.")
    parser.add_argument("--stack", required=True, help="whose configuration is read")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument("--request-quota", action="store_true", help="file the quota increases that are needed")
    parser.add_argument("--contact", metavar="EMAIL", help="whom Google may ask about an increase")
    parser.add_argument("--yes", action="store_true", help="with --request-quota: file without asking")
    args = parser.parse_args(argv)
    if args.request_quota and not args.contact:
        parser.error("--request-quota needs --contact EMAIL: Cloud Quotas takes no increase without an address")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    args = arguments(sys.argv[1:] if argv is None else argv)
    try:
        day = today(os.environ)
        settings = read_settings(args.stack, day)
    except (StackError, SettingsError, ValueError) as error:
        problems = [str(problem) for problem in getattr(error, "problems", ())]
        said: Any = {"ok": False, "error": str(error), "problems": problems}
        print(json.dumps(said, ensure_ascii=False) if args.json else f"preflight: {error}")
        return 2
    google: Google | None = None
    try:
        google = Google()
    except RefusedError as error:
        report = Report([Finding("credentials", "fail", error.message, LOGIN)])
    else:
        report = examine(google, settings, day, read_state(args.stack))
    findings = [Finding("configuration", "warn", warning) for warning in settings.warnings] + report.findings
    if args.json:
        shown = {"ok": report.ok, "stack": args.stack, "project": settings.project, "region": settings.region}
        priced = report.cost.as_json() if report.cost else None
        checks = [finding.as_json() for finding in findings]
        print(json.dumps({**shown, "checks": checks, "cost": priced}, ensure_ascii=False))
    else:
        print_table(args.stack, findings)
    filed = 0
    if args.request_quota and google:
        filed = request_quota(google, settings, report, args)
    return 0 if report.ok and filed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
