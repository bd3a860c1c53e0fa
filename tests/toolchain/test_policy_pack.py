"""The policy pack's environment."""

import subprocess
import sys

from scripts.workspace import ROOT


def test_it_is_made_once_and_apart_from_the_programs_own() -> None:
    """With the protobuf that pulumi-policy wants; a second run has nothing to do and nothing to say."""
    script = [sys.executable, str(ROOT / "toolchain/policy_pack.py")]
    subprocess.run(script, check=True)
    again = subprocess.run(script, check=True, capture_output=True, text=True)
    assert again.stdout + again.stderr == ""
    ask = "import google.protobuf, pulumi_policy; print(google.protobuf.__version__)"
    python = str(ROOT / ".toolchain/policy/bin/python")
    theirs = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout
    assert theirs.startswith("5.29.")


def test_the_lock_has_hashes_and_no_addresses() -> None:
    """As the program's own has."""
    text = (ROOT / "policy/requirements.txt").read_text()
    assert "pulumi-policy==" in text
    assert "--hash=sha256:" in text
    assert "://" not in text
