"""The sandbox that every method sees: its store, clock, operations, settings, and record of calls."""

import importlib
import pkgutil
import random
import time
from collections import deque
from pathlib import Path
from typing import Any

from sandbox import clock, faults, operations, registry, services
from sandbox.clock import Clock
from sandbox.connections import Connections
from sandbox.errors import GoogleError, Json, error_info, permission_denied
from sandbox.faults import Faults
from sandbox.operations import Operations
from sandbox.options import Options
from sandbox.recorder import Recorder
from sandbox.store import Store

PROJECT = "sandbox-project"
PROJECT_NUMBER = "123456789012"
ORGANIZATION = "987654321098"
_RECORDED_CALLS = 20_000


class Sandbox:
    """One local Google Cloud.

    Args:
        file: where the state is kept; None keeps it in memory.
        options: settings; None takes those that the state file was left with, else the defaults.
        project: the id of the project that a new sandbox has.
    """

    def __init__(self, file: Path | None = None, options: Options | None = None, project: str = PROJECT) -> None:
        for module in pkgutil.walk_packages(services.__path__, "sandbox.services."):
            importlib.import_module(module.name)
        self.store = Store(file)
        self.clock = Clock(self.store)
        self.faults = Faults(self)
        self.operations = Operations(self)
        self.calls: deque[Json] = deque(maxlen=_RECORDED_CALLS)
        # What a restart may forget, such as recent load; a reset empties it.
        self.memory: dict[str, Any] = {}
        self._sequence = 0
        self._project = project
        self.connections = Connections()
        self.recorder: Recorder | None = None
        self.url = ""
        # Of the cluster's own port, which speaks TLS, and its certificate as a kubeconfig has it (PEM in base64).
        self.cluster_url = ""
        self.cluster_certificate = ""
        self.last_used = time.monotonic()
        kept = self.store.get("settings", "settings")
        self.settings = options or (Options.model_validate(kept) if kept else Options())
        self.random = random.Random(self.settings.seed)  # noqa: S311 - repeatable choices, no secret
        if kept is None:
            self.reset()
        else:
            self.configure(self.settings)

    def configure(self, settings: Options) -> None:
        """Takes new settings and keeps them."""
        if settings.seed != self.settings.seed:
            self.reseed(settings.seed)
        self.settings = settings
        self.clock.run(settings.clock_rate)
        self.store.start_seeding()
        self.store.put("settings", "settings", settings.model_dump(by_alias=True))
        self.store.stop_seeding()
        self.store.commit()

    def reseed(self, seed: int) -> None:
        """Begins the random choices anew: after this the same calls meet the same choices."""
        self.random.seed(seed)

    def reset(self) -> None:
        """Back to a new sandbox: nothing but what it is seeded with, the settings kept, the record of calls empty."""
        self.store.clear()
        self.clock.reset()
        self.faults.clear()
        self.random.seed(self.settings.seed)
        self.store.start_seeding()
        self.add_project(self._project, PROJECT_NUMBER)
        for function in registry.seeds():
            function(self)
        self.store.stop_seeding()
        self.calls.clear()
        self.memory.clear()
        self.configure(self.settings)

    def add_project(self, project_id: str, number: str) -> None:
        """Makes a project of the sandbox's organization."""
        self.store.put(
            "project", project_id, {"projectId": project_id, "projectNumber": number, "organization": ORGANIZATION}
        )

    def project(self, id_or_number: str) -> Json | None:
        """{projectId, projectNumber, organization} of a project by its id or its number, or None."""
        found = self.store.get("project", id_or_number)
        if found is None and id_or_number.isdigit():
            projects = self.store.list("project").values()
            return next((p for p in projects if p["projectNumber"] == id_or_number), None)
        return found

    def require_project(self, id_or_number: str, service: str) -> Json:
        """The project; Google's 403 CONSUMER_INVALID where there is none."""
        found = self.project(id_or_number)
        if found is None:
            metadata = {"consumer": f"projects/{id_or_number}", "service": f"{service}.googleapis.com"}
            raise permission_denied(
                f"Permission denied on resource project {id_or_number}.", [error_info("CONSUMER_INVALID", metadata)]
            )
        return found

    def is_enabled(self, project: str, service: str) -> bool:
        """Whether the API (e.g. "aiplatform.googleapis.com") is enabled in the project."""
        answer = registry.enablement_of()
        return answer is None or answer(self, project, service)

    def require_enabled(self, project: Json, service: str, title: str) -> None:
        """Google's 403 SERVICE_DISABLED unless the API of `service` ("aiplatform") is enabled in the project."""
        host, number = f"{service}.googleapis.com", project["projectNumber"]
        if self.is_enabled(project["projectId"], host):
            return
        url = f"https://console.developers.google.com/apis/api/{host}/overview?project={number}"
        message = (
            f"{title} has not been used in project {number} before or it is disabled. Enable it by visiting {url} then"
            " retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems"
            " and retry."
        )
        metadata = {
            "service": host,
            "serviceTitle": title,
            "consumer": f"projects/{number}",
            "containerInfo": number,
            "activationUrl": url,
        }
        raise GoogleError(403, "PERMISSION_DENIED", message, [error_info("SERVICE_DISABLED", metadata)])

    @property
    def number_of_calls(self) -> int:
        """How many calls there have been since the sandbox was started."""
        return self._sequence

    def record(self, entry: Json) -> None:
        """Adds an entry to the record of calls; it gets its sequence number and time here."""
        self._sequence += 1
        numbered = {"seq": self._sequence, "time": self.clock.stamp(), **entry}
        self.calls.append(numbered)
        if self.recorder:
            self.recorder.write(numbered)

    def state(self) -> Json:
        """What exists beyond the seed, by kind and name; {} in a sandbox where nothing of a user's is left."""
        shown: Json = {}
        for kind, name, value, seeded in self.store.everything():
            view = registry.state_view_of(kind)
            visible = view(name, value, seeded) if view else (None if value == seeded else value)
            if visible is not None:
                shown.setdefault(kind, {})[name] = visible
        return shown


@registry.state_view("settings", operations.RUNNING, clock.KIND, faults.KIND)
def _hide(_name: str, _value: Json, _seeded: Json | None) -> None:
    """Settings, the clock and faults are no resources, and running operations are shown themselves."""


@registry.state_view(operations.KIND)
def _running(_name: str, value: Json, _seeded: Json | None) -> Json | None:
    """Finished operations are history."""
    return value if value["state"] == "running" else None
