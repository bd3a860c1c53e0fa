"""python -m sandbox: run, serve, env, stop, from outside."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import lifecycle

SANDBOX = [sys.executable, "-m", "sandbox"]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment without the variables of a sandbox, whose folders are the test's."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}


def sandbox(*arguments: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*SANDBOX, *arguments], cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def served(tmp_path: Path, env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A sandbox served from the test's folder, under the default names."""
    process = subprocess.Popen([*SANDBOX, "serve"], cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Sandbox on http://127.0.0.1:")
        yield process
    finally:
        process.kill()
        process.wait()


def test_run_shows_the_command_a_sandbox_and_returns_its_exit_code(tmp_path: Path, env: dict[str, str]) -> None:
    script = (
        "import json, os, sys, urllib.request as u;"
        "print(u.urlopen(os.environ['SANDBOX_URL'] + '/_sandbox/settings').read().decode());"
        "print(json.dumps(dict(os.environ)));"
        "sys.exit(7)"
    )
    options = ["--profile", "article", "--project", "mine", "--deploy-seconds", "1.5"]
    done = sandbox("run", *options, "--", sys.executable, "-c", script, cwd=tmp_path, env=env)
    assert done.returncode == 7, done.stderr
    settings, variables = map(json.loads, done.stdout.splitlines())
    assert (settings["profile"], settings["deploySeconds"]) == ("article", 1.5)
    url = variables["SANDBOX_URL"]
    assert (
        variables["GOOGLE_PROJECT"] == variables["GOOGLE_CLOUD_PROJECT"] == variables["CLOUDSDK_CORE_PROJECT"] == "mine"
    )
    assert variables["GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT"] == f"{url}/aiplatform/v1/"
    assert variables["CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM"] == f"{url}/aiplatform/"
    assert variables["GCE_METADATA_HOST"] == url.removeprefix("http://")
    assert variables["PULUMI_BACKEND_URL"].startswith("file:///")
    assert {part.partition(":")[0] for part in variables["PULUMI_DEBUG_PROVIDERS"].split(",")} == {"gcp", "kubernetes"}
    assert variables["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    assert not Path(variables["PULUMI_HOME"]).exists()
    assert list(tmp_path.glob(".sandbox")) == []


def test_a_users_own_login_is_not_there(tmp_path: Path, env: dict[str, str]) -> None:
    """Not even empty: gcloud takes an empty GOOGLE_APPLICATION_CREDENTIALS for a file's name."""
    env = {**env, "GOOGLE_APPLICATION_CREDENTIALS": "/mine.json", "GOOGLE_CREDENTIALS": "{}"}
    show = (
        "import os; print([os.environ.get(name) for name in ('GOOGLE_APPLICATION_CREDENTIALS', 'GOOGLE_CREDENTIALS')])"
    )
    assert sandbox("run", "--", sys.executable, "-c", show, cwd=tmp_path, env=env).stdout == "[None, None]\n"


def test_run_with_a_state_file_finds_everything_again(tmp_path: Path, env: dict[str, str]) -> None:
    script = (
        "import os, pathlib; p = pathlib.Path(os.environ['PULUMI_HOME'], 'mark');"
        "print(p.exists(), os.environ['GOOGLE_PROJECT']); p.write_text('x')"
    )
    command = ["run", "--state", "s.db", "--project", "mine", "--", sys.executable, "-c", script]
    assert sandbox(*command, cwd=tmp_path, env=env).stdout == "False mine\n"
    assert sandbox(*command, cwd=tmp_path, env=env).stdout == "True mine\n"


def test_a_command_that_cannot_be_run_is_named(tmp_path: Path, env: dict[str, str]) -> None:
    done = sandbox("run", "--", "no-such-program", cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (2, "sandbox: Cannot run no-such-program: No such file or directory.\n")
    done = sandbox("run", cwd=tmp_path, env=env)
    assert done.returncode == 2
    assert "nothing to run" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_command_and_the_sandbox_ends_after_it(
    tmp_path: Path, env: dict[str, str], number: signal.Signals
) -> None:
    script = (
        "import os, signal, sys, urllib.request as u\n"
        "def end(*_):\n"
        "    u.urlopen(os.environ['SANDBOX_URL'] + '/_sandbox/health').read(); os.write(1, b'ended\\n'); os._exit(9)\n"
        f"signal.signal({int(number)}, end)\n"
        "os.write(1, b'%d\\n' % os.getpid())\n"
        "signal.pause()\n"
    )
    command = [*SANDBOX, "run", "--", sys.executable, "-c", script]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(number)
        assert process.stdout.readline() == "ended\n"
        assert process.wait(30) == 9
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_at_a_terminal_reaches_the_command_once(tmp_path: Path, env: dict[str, str]) -> None:
    script = (
        "import os, signal, time\n"
        "got = []\n"
        "signal.signal(signal.SIGINT, lambda *_: got.append(1))\n"
        "os.write(1, b'ready\\n')\n"
        "while not got: time.sleep(0.01)\n"
        "time.sleep(0.5)\n"
        "os.write(1, b'interrupted %d\\n' % len(got))\n"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        os.execve(sys.executable, [*SANDBOX, "run", "--", sys.executable, "-c", script], env)
    with os.fdopen(terminal, "rb+", buffering=0) as screen:
        seen = b""
        while b"ready" not in seen:
            seen += screen.read(100)
        screen.write(b"\x03")
        while b"interrupted" not in seen or not seen.endswith(b"\n"):
            seen += screen.read(100)
        # The terminal stays open until the end, which would otherwise be a hang-up.
        status = os.waitpid(pid, 0)[1]
    assert b"interrupted 1" in seen
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_command_that_a_signal_ended_gives_128_and_the_signal(tmp_path: Path, env: dict[str, str]) -> None:
    done = sandbox("run", "--", "sh", "-c", "kill -KILL $$", cwd=tmp_path, env=env)
    assert done.returncode == 128 + signal.SIGKILL


def test_env_run_attach_and_stop_find_the_served_sandbox(
    tmp_path: Path, env: dict[str, str], served: "subprocess.Popen[str]"
) -> None:
    exports = sandbox("env", cwd=tmp_path, env=env).stdout
    script = f'{exports}\nprintf %s "$SANDBOX_URL${{GOOGLE_APPLICATION_CREDENTIALS+still there}}"'
    mine = {**env, "GOOGLE_APPLICATION_CREDENTIALS": "/mine.json"}
    url = subprocess.run(["sh", "-c", script], env=mine, capture_output=True, text=True, check=True).stdout
    assert url.startswith("http://127.0.0.1:")
    attached = sandbox("run", "--attach", "--", "sh", "-c", 'printf %s "$SANDBOX_URL"', cwd=tmp_path, env=env)
    assert attached.stdout == url
    refused = sandbox("run", "--attach", "--profile", "article", "--", "true", cwd=tmp_path, env=env)
    assert (refused.returncode, "leave out --profile" in refused.stderr) == (2, True)
    again = sandbox("serve", cwd=tmp_path, env=env)
    assert again.returncode == 2
    assert f"already running on {url}" in again.stderr
    stopped = sandbox("stop", cwd=tmp_path, env=env)
    assert (stopped.returncode, stopped.stdout) == (0, f"Stopped the sandbox on {url}.\n")
    assert served.wait(30) == 0
    assert lifecycle.served(tmp_path / ".sandbox" / "state.db") is None


def test_without_a_served_sandbox_the_commands_say_how_to_start_one(tmp_path: Path, env: dict[str, str]) -> None:
    for command in (["env"], ["run", "--attach", "--", "true"]):
        done = sandbox(*command, cwd=tmp_path, env=env)
        assert done.returncode == 2
        assert "python -m sandbox serve" in done.stderr
    assert sandbox("stop", cwd=tmp_path, env=env).stdout == "No sandbox is running here.\n"


def test_an_idle_sandbox_ends_by_itself(tmp_path: Path, env: dict[str, str]) -> None:
    done = sandbox("serve", "--idle-timeout", "0.5", cwd=tmp_path, env=env)
    assert done.returncode == 0
    assert done.stdout.endswith("Not used for 0.5 seconds: stopping.\n")
    assert not (tmp_path / ".sandbox" / "state.db.running.json").exists()


def test_a_port_that_is_taken_is_named(tmp_path: Path, env: dict[str, str], served: "subprocess.Popen[str]") -> None:
    note = lifecycle.require_served(tmp_path / ".sandbox" / "state.db")
    port = note["url"].rpartition(":")[2]
    done = sandbox("serve", "--state", "other.db", "--port", port, cwd=tmp_path, env=env)
    assert done.returncode == 2
    assert f"Port {port} of 127.0.0.1" in done.stderr


def test_a_wrong_option_is_refused(tmp_path: Path, env: dict[str, str]) -> None:
    assert sandbox("serve", "--deploy-seconds", "-1", cwd=tmp_path, env=env).returncode == 2
    assert sandbox("run", "--profile", "aws", "--", "true", cwd=tmp_path, env=env).returncode == 2
