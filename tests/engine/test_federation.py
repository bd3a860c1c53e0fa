"""The set-up of docs/pull-requests.md, line by line, on the real engine with a provider that takes anything."""

import re
import subprocess
from pathlib import Path

from sandbox.testing import running_sandbox
from scripts.workspace import ROOT
from tests.engine.anything import served

STAND_FOR = {
    "YOUR_PROJECT_ID": "acme-prod",
    "OWNER/NAME": "acme/serving",
    "REPOSITORY_ID": "260064828",
    "OWNER_ID": "1342004",
    "ORGANIZATION_NUMBER": "987654321098",
}


def documented() -> list[str]:
    """The commands that Pulumi is given, without the login, since the sandbox brings a backend of its own."""
    block = re.search(r"cd examples/github\n(.+?)```", (ROOT / "docs/pull-requests.md").read_text(), re.DOTALL)
    assert block
    lines = [line.partition(" #")[0].strip() for line in block[1].splitlines()]
    return [line for line in lines if not line.startswith("pulumi login")]


def test_the_documented_commands_make_the_federation(tmp_path: Path) -> None:
    """Word for word, but for the names of one's own."""
    folder = tmp_path / "examples/github"
    folder.mkdir(parents=True)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    for file in (ROOT / "examples/github").iterdir():
        if file.is_file():
            (folder / file.name).write_text(file.read_text())
    for file in (ROOT / "examples").glob("*role.yaml"):
        (tmp_path / "examples" / file.name).write_text(file.read_text())
    commands = documented()
    assert commands[-1] == "pulumi up"
    for name, value in STAND_FOR.items():
        commands = [command.replace(name, value) for command in commands]
    with running_sandbox() as cloud, served("gcp") as (provider, attach):
        for command in [*commands[:-1], "pulumi up --yes --non-interactive", "pulumi stack output"]:
            done = subprocess.run(
                ["bash", "-c", command],
                check=False,
                cwd=folder,
                env=cloud.environ(**attach),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert provider.created.count("gcp:serviceaccount/account:Account") == 2
    assert provider.created.count("gcp:organizations/iAMMember:IAMMember") == 2
    assert provider.created.count("gcp:projects/iAMCustomRole:IAMCustomRole") == 2
    assert provider.created.count("gcp:organizations/iAMCustomRole:IAMCustomRole") == 1
    assert re.findall(r"^    ([A-Z_]+)\s", done.stdout, re.MULTILINE)
