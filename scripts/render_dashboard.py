"""Draws a Cloud Monitoring dashboard as a page that can be looked at without Google's console.

    python scripts/render_dashboard.py --stack prod -o dashboard.html
    python scripts/render_dashboard.py --json dashboard.json --no-data -o dashboard.html

One HTML file, with SVG and without scripts: each tile's title, chart with its thresholds, and queries. The data is read
from the project's Cloud Monitoring, or from the sandbox inside `python -m sandbox run`.
"""

import argparse
import json
import math
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import dashboard_page
from scripts.dashboard_data import Source
from scripts.serving import SmokeError

Json = dict[str, Any]
_DASHBOARD = "gcp:monitoring/dashboard:Dashboard"


def of_stack(stack: str) -> tuple[Json, str]:
    """The dashboard of a stack and its project, from the stack's state.

    Raises:
        SmokeError: there is no such stack, or it has no dashboard.
    """
    command = ["pulumi", "stack", "export", "--stack", stack]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        raise SmokeError("`pulumi` is not on PATH: run `source .venv/bin/activate`.") from None
    if done.returncode != 0:
        raise SmokeError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    resources = json.loads(done.stdout).get("deployment", {}).get("resources", [])
    found = next((resource for resource in resources if resource["type"] == _DASHBOARD), None)
    if found is None:
        raise SmokeError(
            f"Stack {stack} has no dashboard: set gemini-vertex:observability (an empty mapping will do) and "
            "`pulumi up`."
        )
    return json.loads(found["inputs"]["dashboardJson"]), found["outputs"]["project"]


def of_file(file: Path) -> Json:
    """The dashboard in a file. Raises SmokeError where there is none."""
    try:
        found: Json = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SmokeError(f"{file} cannot be read as a dashboard's JSON: {error}") from None
    if not isinstance(found, dict) or "mosaicLayout" not in found:
        raise SmokeError(f"{file} is no dashboard with a mosaicLayout, which is what this page draws.")
    return found


def arguments(argv: list[str]) -> argparse.Namespace:
    """The command line, checked."""
    parser = argparse.ArgumentParser(description="Draws a Cloud Monitoring dashboard as one HTML file.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--stack", help="the stack whose dashboard is drawn; it must be up")
    which.add_argument("--json", type=Path, metavar="FILE", help="a dashboard's JSON")
    parser.add_argument("-o", "--output", type=Path, default=Path("dashboard.html"), help="default: dashboard.html")
    parser.add_argument("--project", help="with --json: the project that the data is read from")
    parser.add_argument("--minutes", type=int, default=60, help="how much is shown (default 60)")
    parser.add_argument("--end", type=datetime.fromisoformat, help="up to when, such as 2026-11-24T10:00:00Z (now)")
    parser.add_argument("--no-data", action="store_true", help="draw the tiles alone, ask nobody")
    args = parser.parse_args(argv)
    if args.json and not args.no_data and not args.project:
        parser.error("--json needs --project to read data from, or --no-data")
    if not 1 <= args.minutes <= 6 * 7 * 24 * 60:
        parser.error("--minutes takes 1 to 60480 (six weeks, which Google keeps)")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    args = arguments(sys.argv[1:] if argv is None else argv)
    try:
        dashboard, project = of_stack(args.stack) if args.stack else (of_file(args.json), args.project or "")
        # Whole minutes, as Google's metrics have them; the one under way counts as far as it has come.
        end = math.ceil((args.end.timestamp() if args.end else time.time()) / 60) * 60.0
        source = None if args.no_data else Source(project, end - args.minutes * 60, end)
        page, with_data = dashboard_page.render(dashboard, source)
    except SmokeError as error:
        print(f"render_dashboard: {error}", file=sys.stderr)
        return 1
    args.output.write_text(page, encoding="utf-8")
    tiles = len(dashboard["mosaicLayout"].get("tiles", []))
    print(f"{args.output}: {tiles} tiles" + ("" if args.no_data else f", {with_data} with data"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
