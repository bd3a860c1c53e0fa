"""python -m sandbox faults: from outside, on a sandbox that is being served."""

import subprocess
from pathlib import Path

import requests

from sandbox.lifecycle import require_served
from tests.sandbox.test_cli import env, sandbox, served

__all__ = ["env", "served"]


def test_faults_are_added_shown_met_and_cleared(
    tmp_path: Path, env: dict[str, str], served: "subprocess.Popen[str]"
) -> None:
    """The running sandbox is found as `env` and `stop` find it; what is listed can be given again."""

    def faults(*arguments: str) -> str:
        done = sandbox("faults", *arguments, cwd=tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert faults("list") == "No faults are ordered.\n"
    orders = ("method=*.projects.get,nth=2+3,status=UNAVAILABLE,retryAfter=1", "method=*.predict,hang=true")
    faults("add", *orders)
    note = require_served(tmp_path / ".sandbox/state.db")
    url = f"{note['url']}/cloudresourcemanager/v1/projects/sandbox-project"
    headers = {"Authorization": f"Bearer {note['environment']['GOOGLE_OAUTH_ACCESS_TOKEN']}"}
    assert [requests.get(url, headers=headers, timeout=30).status_code for _ in range(4)] == [200, 503, 503, 200]
    first, second = faults("list").splitlines()
    assert first == "method=*.projects.get,nth=2+3,status=UNAVAILABLE,retryAfter=1.0  seen 4, struck 2"
    assert second == f"{orders[1]}  seen 0, struck 0"
    again, _, _ = first.partition("  ")
    assert faults("add", again).splitlines()[2] == f"{again}  seen 0, struck 0"
    assert faults("clear") == "No faults are ordered.\n"
    assert faults("list") == "No faults are ordered.\n"


def test_a_wrong_fault_is_refused_in_words(
    tmp_path: Path, env: dict[str, str], served: "subprocess.Popen[str]"
) -> None:
    """With exit code 2, and nothing is ordered."""
    for order, why in (("method=*,status=999", "status: 999 is none of"), ("methd=*", "methd: Extra inputs")):
        done = sandbox("faults", "add", order, cwd=tmp_path, env=env)
        assert (done.returncode, done.stdout) == (2, "")
        assert why in done.stderr
    assert "needs at least one fault" in sandbox("faults", "add", cwd=tmp_path, env=env).stderr
    assert "takes no fault" in sandbox("faults", "clear", "status=503", cwd=tmp_path, env=env).stderr
    assert sandbox("faults", "list", cwd=tmp_path, env=env).stdout == "No faults are ordered.\n"


def test_a_command_of_run_orders_faults_of_the_sandbox_around_it(tmp_path: Path, env: dict[str, str]) -> None:
    """As its SANDBOX_URL says; with none at all it is told how to start one."""
    inner = "python -m sandbox faults add 'method=*.predict,status=503'"
    done = sandbox("run", "--plugins", "stand-in", "--", "sh", "-c", inner, cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("method=*.predict,status=UNAVAILABLE  seen 0, struck 0\n")
    alone = sandbox("faults", "list", cwd=tmp_path, env=env)
    assert alone.returncode == 2
    assert "start one with `python -m sandbox serve`" in alone.stderr
