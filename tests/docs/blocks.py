"""The commands of a page of docs/, run as they stand: the `sh` blocks in their order, by a shell in a workspace.

Only what stands for something of the reader's own is replaced, by a table that a test gives.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.workspace import ROOT

# Nobody is there to answer, so what asks is told to go on.
UNATTENDED = {"pulumi up": "pulumi up --yes --skip-preview", "pulumi destroy": "pulumi destroy --yes --skip-preview"}


def blocks(page: str, language: str = "sh", folder: str = "docs") -> list[str]:
    """The blocks of FOLDER/PAGE in that language, in their order."""
    text = (ROOT / folder / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def filled(block: str, table: Mapping[str, str]) -> str:
    """The block with each whole word of the table replaced, the longest first."""
    for word in sorted(table, key=len, reverse=True):
        block = re.sub(rf"(?<![\w.]){re.escape(word)}(?!\w)", table[word].replace("\\", r"\\"), block)
    return block


class Reader:
    """Somebody who types a page's commands into a shell in the program's folder.

    Args:
        folder: of the workspace.
        environment: that leads to a sandbox.
        table: what the reader puts in the place of what; `UNATTENDED` beside it.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], table: Mapping[str, str]) -> None:
        path = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        self.folder, self.environment = folder, {**environment, "PATH": path}
        self.table = {**UNATTENDED, **table}

    def types(self, block: str, answer: str = "") -> str:
        """One block, ended by its first command that fails; all that it printed. `answer` is typed when it asks.

        Raises:
            AssertionError: a command failed; with the block and what it printed.
        """
        script = filled(block, self.table)
        with subprocess.Popen(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as shell:
            said, _ = shell.communicate(answer)
        assert shell.returncode == 0, f"this ended with {shell.returncode}:\n{script}\n{said}"
        return said
