"""The commands run, serve, env and stop: starting a sandbox, leading a command to it, ending it, leaving nothing."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from sandbox import faults, mounts, plugins, pods
from sandbox.core import Sandbox
from sandbox.environment import CLEARED, environment, local_environment, over
from sandbox.errors import GoogleError, Json
from sandbox.options import Options
from sandbox.plugins import Choice
from sandbox.recorder import Recorder
from sandbox.running import RunningSandbox
from sandbox.store import Store

DEFAULT_STATE = Path(".sandbox/state.db")
_STOP_SECONDS = 15.0


class CommandError(Exception):
    """A sentence for whoever typed the command."""


@dataclass(frozen=True, slots=True)
class Start:
    """How a sandbox is to be started; None takes what the state file was left with, else the default.

    `faults` are as sandbox.faults.read takes them; `record` is the file that every call is added to.
    """

    project: str
    profile: str | None = None
    deploy_seconds: float | None = None
    port: int = 0
    plugins: Choice | None = None
    seed: int | None = None
    clock_rate: float | None = None
    latency: str | None = None
    faults: tuple[Json, ...] = ()
    record: Path | None = None

    def chosen(self) -> Json:
        """The settings that were asked for."""
        given = {
            "profile": self.profile,
            "deploySeconds": self.deploy_seconds,
            "seed": self.seed,
            "clockRate": self.clock_rate,
            "latency": self.latency,
        }
        return {name: value for name, value in given.items() if value is not None}

    def options(self, state: Path | None) -> Options | None:
        """The settings to start with: those of the state file, with what was asked for over them."""
        chosen = self.chosen()
        if not chosen:
            return None
        kept: Json | None = None
        if state is not None and state.exists():
            store = Store(state)
            kept = store.get("settings", "settings")
            store.close()
        return Options.model_validate({**(kept or {}), **chosen})


@contextlib.contextmanager
def started(start: Start, state: Path | None) -> Iterator[tuple[RunningSandbox, dict[str, str]]]:
    """A sandbox with Pulumi's plugins for it, and the variables that lead to it."""
    with contextlib.ExitStack() as stack:
        if state is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-")))
        else:
            folder = state.with_name(f"{state.name}.home")
        try:
            running = RunningSandbox(state, start.options(state), start.project, start.port)
        except OSError as error:
            raise CommandError(
                f"Port {start.port} of 127.0.0.1 is not to be had ({error.strerror}): take another --port, or none."
            ) from None
        stack.callback(running.stop)
        _prepare(running.sandbox, start)
        variables = environment(running.sandbox, folder)
        try:
            stack.callback(plugins.attach(start.plugins or "auto", variables))
        except plugins.PluginError as error:
            raise CommandError(str(error)) from None
        yield running, variables


def _prepare(sandbox: Sandbox, start: Start) -> None:
    try:
        if start.faults:
            wanted = faults.read(list(start.faults))
            sandbox.faults.clear()
            sandbox.faults.order(wanted)
            sandbox.store.commit()
        if start.record:
            sandbox.recorder = Recorder(start.record)
    except GoogleError as error:
        raise CommandError(error.message) from None
    except OSError as error:
        raise CommandError(f"Cannot record calls in {start.record}: {error.strerror}.") from None


def run(
    command: Sequence[str],
    start: Start,
    state: Path | None,
    *,
    attach: bool,
    pod: str = "",
    mount: Sequence[str] = (),
) -> int:
    """Runs a command that sees the sandbox, and returns its exit code (128 + n where signal n ended it).

    As a pod ("namespace/account") it has that pod's identity alone, and its mounts, in the sandbox around it if there
    is one.
    """
    if mount and not pod:
        raise CommandError("--mount needs --as-pod: only a pod has ConfigMaps and Secrets mounted.")
    with contextlib.ExitStack() as stack:
        if attach:
            if start.chosen() or start.plugins or start.faults or start.record:
                raise CommandError(
                    "--attach takes the running sandbox as it is: leave out --profile, --deploy-seconds, --plugins,"
                    " --seed, --clock, --latency, --fault, --faults and --record."
                )
            variables = require_served(state or DEFAULT_STATE)["environment"]
        elif pod and state is None and "SANDBOX_URL" in os.environ:
            variables = dict(os.environ)
        else:
            _, variables = stack.enter_context(started(start, state))
        if pod:
            return _child(command, stack.enter_context(_as_pod(variables, pod, mount)))
        return _child(command, over(os.environ, {**variables, **local_environment()}))


@contextlib.contextmanager
def _as_pod(variables: dict[str, str], pod: str, mount: Sequence[str]) -> Iterator[dict[str, str]]:
    try:
        wanted = [mounts.Mount.read(text) for text in mount]
        namespace = pod.partition("/")[0]
        with pods.variables_of(variables, pod) as own, mounts.mounted(wanted, variables, namespace):
            yield {**pods.without_deployer(os.environ), **own, **local_environment()}
    except (pods.PodError, mounts.MountError) as error:
        raise CommandError(str(error)) from None


def _child(command: Sequence[str], env: dict[str, str]) -> int:
    received: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        # Ctrl-C at a terminal has already reached the child, and a second one would tell Pulumi to give up at once.
        if child is not None and not (number == signal.SIGINT and _in_foreground()):
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, pass_on) for number in signals}
    try:
        if received:
            return 128 + received[0]
        try:
            child = subprocess.Popen(list(command), env=env)
        except OSError as error:
            raise CommandError(f"Cannot run {command[0]}: {error.strerror}.") from None
        code = child.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def _in_foreground() -> bool:
    """Whether a terminal sends its Ctrl-C to this process and its child alike."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def serve(start: Start, state: Path, idle_timeout: float) -> int:
    """Keeps a sandbox up until it is told to stop, or was not used for `idle_timeout` seconds (0 for ever)."""
    other = served(state)
    if other:
        raise CommandError(
            f"A sandbox with this state is already running on {other['url']} (process {other['pid']}):"
            " end it with `python -m sandbox stop`, or give another --state."
        )
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: done.set())
    note = _note(state)
    with started(start, state) as (running, variables):
        sandbox = running.sandbox
        _write_note(note, {"pid": os.getpid(), "url": running.url, "environment": variables})
        try:
            print(f"Sandbox on {running.url} (profile {sandbox.settings.profile}, state in {state}).", flush=True)
            print("Look: python -m sandbox env. Use: python -m sandbox run --attach -- CMD. End: Ctrl-C.", flush=True)
            while not done.wait(0.5):
                if idle_timeout and time.monotonic() - sandbox.last_used > idle_timeout:
                    print(f"Not used for {idle_timeout:g} seconds: stopping.", flush=True)
                    break
        finally:
            note.unlink(missing_ok=True)
    return 0


def env(state: Path) -> str:
    """The variables of the running sandbox, as lines for a shell to evaluate."""
    variables = {**require_served(state)["environment"], **local_environment()}
    exports = [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    return "\n".join([f"unset {' '.join(CLEARED)}", *exports])


def stop(state: Path) -> str:
    """Ends the running sandbox and waits until it is gone."""
    found = served(state)
    if found is None:
        return "No sandbox is running here."
    os.kill(found["pid"], signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while served(state) is not None:
        if time.monotonic() > deadline:
            raise CommandError(
                f"The sandbox (process {found['pid']}) has not stopped within {_STOP_SECONDS:g} seconds."
            )
        time.sleep(0.05)
    return f"Stopped the sandbox on {found['url']}."


def served(state: Path) -> Json | None:
    """{pid, url, environment} of the sandbox that serves this state, or None; a killed one's note counts as none."""
    try:
        note: Json = json.loads(_note(state).read_text())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{note['url']}/_sandbox/health", timeout=5) as answer:
            health = json.loads(answer.read())
    except (OSError, ValueError, KeyError):
        return None
    # Another process may have got a killed sandbox's port.
    return note if health.get("pid") == note["pid"] else None


def require_served(state: Path) -> Json:
    """The same, or an error that says how to start one."""
    found = served(state)
    if found is None:
        raise CommandError(
            f"No sandbox is running with its state in {state}: start one with `python -m sandbox serve`."
        )
    return found


def _note(state: Path) -> Path:
    return state.with_name(f"{state.name}.running.json")


def _write_note(note: Path, content: Json) -> None:
    fresh = note.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds an access token
    with os.fdopen(descriptor, "w") as out:
        json.dump(content, out)
    fresh.replace(note)


def fail(error: CommandError) -> int:
    """Says what is wrong and returns the exit code for it."""
    print(f"sandbox: {error}", file=sys.stderr)
    return 2
