"""gcp.projects.Service over serviceusage services."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass, field

from typing_extensions import override

from sandbox.standin.fields import Field
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json, RestError
from sandbox.standin.values import Props, has_unknown

_BASE = "serviceusage/v1/"
_GATHERING_SECONDS = 0.1
_MOST_AT_ONCE = 20


class Service(GcpResource):
    """An API of a project. Enabling one that is enabled already adopts it; services that are asked for together go
    in one batch, as the plugin sends them."""

    base = _BASE
    import_ids = ("{project}/{service}",)
    fields = {
        "service": Field(required=True, replace=True),
        "project": Field(replace=True, computed=True),
        "disableDependentServices": Field(),
        "disableOnDestroy": Field(),
        "checkIfServiceHasUsageOnDestroy": Field(),
        "deletionPolicy": DELETION_POLICY,
    }

    def __init__(self) -> None:
        self._batches: weakref.WeakKeyDictionary[Cloud, dict[str, _Batch]] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()

    @override
    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        service = inputs.get("service", "")
        if service and not has_unknown(service) and "." not in service:
            return [("service", f"expected {service} to be a domain like serviceusage.googleapis.com")]
        return []

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        project, service = cloud.project_of(inputs), inputs["service"]
        if service not in _enabled(cloud, project):
            self._enable(cloud, project, service, timeout)
        return f"{project}/{service}"

    @override
    def find(self, cloud: Cloud, resource_id: str) -> Json | None:
        project, _, service = resource_id.partition("/")
        return {"project": project, "service": service} if service in _enabled(cloud, project) else None

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        return {**{k: state[k] for k in self.fields if k in state}, **live}

    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        """Nothing to send: what can change in place only steers the deletion."""

    @override
    def destroy(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        if not state.get("disableOnDestroy"):
            return
        project, _, service = resource_id.partition("/")
        body = {"disableDependentServices": bool(state.get("disableDependentServices"))}
        path = f"projects/{project}/services/{service}:disable"
        self.send(cloud, "POST", _BASE + path, body, timeout=timeout)

    def _enable(self, cloud: Cloud, project: str, service: str, timeout: float) -> None:
        """Joins the batch that is gathering for the project, or starts one; alone again where the batch failed."""
        with self._lock:
            gathering = self._batches.setdefault(cloud, {})
            batch = gathering.get(project)
            leads = batch is None or len(batch.services) >= _MOST_AT_ONCE
            if batch is None or leads:
                batch = gathering[project] = _Batch()
            batch.services.append(service)
        if leads:
            try:
                cloud.rest.pause(_GATHERING_SECONDS)
                with self._lock:
                    if gathering.get(project) is batch:
                        del gathering[project]
                self._request(cloud, project, batch.services, timeout)
            except RestError as error:
                batch.error = error
            finally:
                batch.sent.set()
        elif not batch.sent.wait(timeout):
            raise RestError(f"Enabling {', '.join(batch.services)} was not done after {timeout:g} s.")
        if batch.error is not None and len(batch.services) > 1:
            self._request(cloud, project, [service], timeout)
        elif batch.error is not None:
            raise batch.error

    def _request(self, cloud: Cloud, project: str, services: list[str], timeout: float) -> None:
        if len(services) == 1:
            path, body = f"projects/{project}/services/{services[0]}:enable", {}
        else:
            path, body = f"projects/{project}/services:batchEnable", {"serviceIds": services}
        self.send(cloud, "POST", _BASE + path, body, timeout=timeout)


@dataclass
class _Batch:
    services: list[str] = field(default_factory=list)
    sent: threading.Event = field(default_factory=threading.Event)
    error: RestError | None = None


def _enabled(cloud: Cloud, project: str) -> set[str]:
    query = {"filter": "state:ENABLED", "fields": "services/name,nextPageToken", "pageSize": "200"}
    found: set[str] = set()
    while True:
        page: Json = cloud.rest.call("GET", f"{_BASE}projects/{project}/services", query=query)
        found.update(s["name"].rpartition("/")[2] for s in page.get("services", []))
        if not page.get("nextPageToken"):
            return found
        query["pageToken"] = page["nextPageToken"]
