"""Programs of other people, checked by the pack on the real engine."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.testing import running_sandbox
from scripts import engine_events
from scripts.workspace import ROOT
from tests.engine.anything import Anything, served


def pack() -> None:
    """Make the pack's environment if need be."""
    subprocess.run([sys.executable, str(ROOT / "toolchain/policy_pack.py")], check=True)


class Program:
    """A program with one stack, checked by the pack."""

    def __init__(self, folder: Path, environment: dict[str, str], provider: Anything) -> None:
        self.folder, self.environment, self.provider = folder, environment, provider

    def pulumi(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive"],
            check=False,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )

    def checked(self, command: str, *arguments: str) -> tuple[int, engine_events.Report]:
        """Preview or update with the pack; the exit status, and what the engine said."""
        log = self.folder / f"{command}.jsonl"
        log.unlink(missing_ok=True)
        policies = ["--policy-pack", str(ROOT / "policy"), "--event-log", str(log)]
        done = self.pulumi(command, *arguments, *policies)
        report = engine_events.read(log)
        assert report.packs == {"gemini-vertex": "0.1.0"}, done.stdout + done.stderr
        return done.returncode, report


@contextmanager
def program(folder: Path, source: str, stack: str, **config: str) -> Iterator[Program]:
    """A program of this source, nothing made yet; its providers take anything."""
    pack()
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(
        f"name: other\nruntime:\n  name: python\n  options:\n    virtualenv: {ROOT / '.venv'}\n"
    )
    (folder / "__main__.py").write_text(source)
    with running_sandbox() as cloud, served("gcp", "kubernetes", "vertex-serving") as (provider, attach):
        found = Program(folder, cloud.environ(**attach, **engine_events.ASK_FOR_LOG), provider)
        assert found.pulumi("stack", "init", stack).returncode == 0
        for key, value in config.items():
            assert found.pulumi("config", "set", f"gemini-vertex:{key}", value).returncode == 0
        yield found
