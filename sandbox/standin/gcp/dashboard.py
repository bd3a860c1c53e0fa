"""gcp.monitoring.Dashboard over monitoring v1."""

from __future__ import annotations

import json
from typing import Any

from typing_extensions import override

from sandbox.standin.fields import Field, is_empty
from sandbox.standin.gcp.cloud import DELETION_POLICY, Cloud, GcpResource
from sandbox.standin.rest import Json
from sandbox.standin.values import Props, has_unknown


class Dashboard(GcpResource):
    """A dashboard as JSON text; what Google adds to it, or leaves out as it is a default, is no difference."""

    base = "monitoring/v1/"
    import_ids = ("projects/{project}/dashboards/{id}", "{id}")
    fields = {
        "dashboardJson": Field(required=True),
        "project": Field(replace=True, computed=True),
        "deletionPolicy": DELETION_POLICY,
    }

    @override
    def check(self, cloud: Cloud, inputs: Props) -> list[tuple[str, str]]:
        text = inputs.get("dashboardJson", "")
        try:
            if text and not has_unknown(text):
                json.loads(text)
        except ValueError as error:
            return [("dashboardJson", f"contains an invalid JSON: {error}")]
        return []

    @override
    def diff(self, old: Props, new: Props, old_inputs: Props) -> dict[str, str]:
        found = super().diff(old, new, old_inputs)
        was, now = old.get("dashboardJson"), new.get("dashboardJson")
        if was and now and not has_unknown(now) and _plain(json.loads(was)) == _plain(json.loads(now)):
            found.pop("dashboardJson", None)
        return found

    @override
    def create(self, cloud: Cloud, inputs: Props, timeout: float) -> str:
        parent = f"projects/{cloud.project_of(inputs)}/dashboards"
        body = json.loads(inputs["dashboardJson"])
        return str(self.send(cloud, "POST", self.base + parent, body, timeout=timeout)["name"])

    @override
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        text = state.get("dashboardJson", "")
        if not text or has_unknown(text) or _plain(json.loads(text)) != _plain(live):
            text = json.dumps({name: value for name, value in live.items() if name not in ("name", "etag")})
        return {"dashboardJson": text, "project": state.get("project", cloud.project)}

    @override
    def update(self, cloud: Cloud, resource_id: str, state: Props, inputs: Props, changed: set[str]) -> None:
        if "dashboardJson" in changed:
            etag = cloud.rest.call("GET", self.path(resource_id))["etag"]
            self.patch(cloud, resource_id, {**json.loads(inputs["dashboardJson"]), "etag": etag})


def _plain(value: Any, top: bool = True) -> Any:
    """The JSON without what Google adds (at its top) and without defaults."""
    if isinstance(value, dict):
        added = ("name", "etag") if top else ()
        kept = {name: _plain(inner, False) for name, inner in value.items() if name not in added}
        return {name: inner for name, inner in kept.items() if not is_empty(inner)}
    return [_plain(inner, False) for inner in value] if isinstance(value, list) else value
