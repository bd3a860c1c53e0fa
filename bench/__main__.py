"""`make bench`. Every figure is a ratio, or a count; both sides of a ratio take turns in the same run.

Nothing here is asserted: machines are shared and noisy. The goals stand beside what was measured.
"""

import contextlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench import servers
from sandbox.core import ORGANIZATION
from sandbox.testing import running_sandbox
from scripts.workspace import ROOT, SANDBOX_SETTINGS, Workspace

ROUNDS = 5
BARE = """import pulumi_gcp
import pulumi_kubernetes

import components
import settings
import vertex_serving

# both packages load a module when something of it is used
used = [
    pulumi_gcp.accesscontextmanager.ServicePerimeter,
    pulumi_gcp.organizations.get_project,
    pulumi_gcp.projects.Service,
    pulumi_gcp.serviceaccount.Account,
    pulumi_gcp.vertex.AiEndpoint,
    pulumi_kubernetes.Provider,
    pulumi_kubernetes.core.v1.ServiceAccount,
]
"""


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes, in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turn(one: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, float, float]:
    """Median seconds of both, and the median of the ratios one/other pair by pair."""
    pairs = [(seconds(one), seconds(other)) for _ in range(rounds)]
    firsts, seconds_ = zip(*pairs, strict=True)
    return statistics.median(firsts), statistics.median(seconds_), statistics.median(a / b for a, b in pairs)


def resident_megabytes(needle: str) -> float:
    """Resident memory of the largest process whose command line has `needle`, in MB."""
    sizes = [0.0]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # ended by now, or another user's
            if needle in " ".join(process.cmdline()):
                sizes.append(process.memory_info().rss / 2**20)
    return max(sizes)


def bare_program(folder: Path, environment: dict[str, str]) -> Workspace:
    """A program with the imports of ours and no resources."""
    bare = Workspace(folder, "dev", environment)
    program = folder / "__main__.py"
    program.unlink()
    program.write_text(BARE)
    bare.init()
    bare.pulumi("up", "--yes", "--skip-preview")
    return bare


def measure_preview(room: Path) -> list[tuple[str, str, str]]:
    """A preview with nothing to change, and what a traffic change is."""
    with running_sandbox(profile="article", deploy_seconds=0, plugins=True) as cloud:
        prod = Workspace(room / "prod", "prod", cloud.environ())
        prod.init(SANDBOX_SETTINGS)
        prod.pulumi("up", "--yes", "--skip-preview")
        bare = bare_program(room / "bare", cloud.environ())
        ours, theirs, ratio = in_turn(lambda: prod.pulumi("preview"), lambda: bare.pulumi("preview"), ROUNDS)
        since = cloud.last_call()
        prod.set("gemini-vertex:models[0].traffic", "80")
        prod.set("gemini-vertex:models[1].traffic", "20")
        prod.pulumi("up", "--yes", "--skip-preview")
        changing = [call["method"].rpartition(".")[2] for call in cloud.calls(since, mutating=True)]
    return [
        ("preview, nothing to change / bare program", f"{ratio:.2f} ({ours:.1f} s / {theirs:.1f} s)", "≤ 1.3"),
        ("traffic change: changing calls", ", ".join(changing), "one patch"),
    ]


def measure_sandbox(_room: Path) -> list[tuple[str, str, str]]:
    """The memory of a sandbox that has just started, its stand-in plugins included."""
    # the command's parent is the sandbox itself
    command = [sys.executable, "-m", "sandbox", "run", "--", "sh", "-c", "ps -o rss= -p $PPID"]
    said = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    return [("sandbox at rest", f"{int(said.split()[-1]) / 1024:.0f} MB", "≤ 150 MB")]


def measure_provider(room: Path) -> list[tuple[str, str, str]]:
    """The provider's memory while it waits for a deployment."""
    with running_sandbox(profile="article", deploy_seconds=8, plugins=True) as cloud:
        prod = Workspace(room / "memory", "prod", cloud.environ())
        prod.init(SANDBOX_SETTINGS)
        up = subprocess.Popen(
            ["pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", "prod"],
            cwd=prod.folder,
            env=cloud.environ(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        largest = 0.0
        while up.poll() is None:
            largest = max(largest, resident_megabytes(str(prod.folder / "vertex_serving")))
            time.sleep(0.5)
    return [("provider while it waits", f"{largest:.0f} MB", "≤ 150 MB")]


def measure_gcloud(room: Path) -> list[tuple[str, str, str]]:
    """`pulumi up` from nothing against the article's commands."""
    name = "pulumi up of prod / the article's gcloud commands"
    for tool in ("gcloud", "kubectl"):
        if not shutil.which(tool):
            return [(name, f"{tool} is not installed", "≤ 0.33")]
    with running_sandbox(profile="article", deploy_seconds=0, plugins=True) as cloud:
        prod = Workspace(room / "up", "prod", cloud.environ())
        prod.init(SANDBOX_SETTINGS)
        models = {"FLASH_MODEL": "gemini-3.8-flash", "PRO_MODEL": "gemini-4-argon"}
        names = {variable: f"publishers/google/models/{model}" for variable, model in models.items()}
        by_hand = cloud.environ(ORG_ID=ORGANIZATION, **names)

        def article() -> None:
            script = ["bash", str(ROOT / "examples/article/setup.sh")]
            subprocess.run(script, check=True, env=by_hand, stdin=subprocess.DEVNULL, capture_output=True)

        ups, scripts = [], []
        for _ in range(3):
            ups.append(seconds(lambda: prod.pulumi("up", "--yes", "--skip-preview")))
            prod.pulumi("destroy", "--yes", "--skip-preview")
            cloud.reset()
            scripts.append(seconds(article))
            cloud.reset()
        ratio = statistics.median(up / script for up, script in zip(ups, scripts, strict=True))
    seen = f"{ratio:.2f} ({statistics.median(ups):.1f} s / {statistics.median(scripts):.1f} s)"
    return [(name, seen, "≤ 0.33")]


def measure_servers(_room: Path) -> list[tuple[str, str, str]]:
    """Boot and predictions, beside moto's server."""
    servers.moto_server()  # made before anything is timed
    boots = [(servers.boot_of_sandbox(), servers.boot_of_moto()) for _ in range(3)]
    with servers.predictions_of_sandbox() as ours, servers.predictions_of_moto() as theirs:
        rates = [(servers.rate(ours), servers.rate(theirs)) for _ in range(3)]
    boot, rate = (statistics.median(a / b for a, b in pairs) for pairs in (boots, rates))
    one, other = (statistics.median(side) for side in zip(*boots, strict=True))
    here, there = (statistics.median(side) for side in zip(*rates, strict=True))
    return [
        ("boot of the sandbox / of moto's server", f"{boot:.2f} ({one:.2f} s / {other:.2f} s)", "under a second"),
        ("predict a second / moto's InvokeEndpoint", f"{rate:.2f} ({here:.0f} / {there:.0f})", "none set"),
    ]


def main() -> None:
    """Measure everything and print one table."""
    table = Table(title="Both sides of a ratio ran in turn in this run", title_justify="left")
    for heading in ("what", "measured", "goal"):
        table.add_column(heading)
    with tempfile.TemporaryDirectory() as room:
        for measure in (measure_preview, measure_sandbox, measure_servers, measure_provider, measure_gcloud):
            for row in measure(Path(room)):
                table.add_row(*row)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
