"""Google's services as a configured gcp provider reaches them."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from sandbox.standin.credentials import access_token, default_project
from sandbox.standin.fields import Field
from sandbox.standin.resource import Resource
from sandbox.standin.rest import Json, Rest, RestError
from sandbox.standin.values import Props

_PROJECT_VARIABLES = ("GOOGLE_PROJECT", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
_REGION_VARIABLES = ("GOOGLE_REGION", "GCLOUD_REGION", "CLOUDSDK_COMPUTE_REGION")
_ATTRIBUTION_LABEL = {"goog-pulumi-provisioned": "true"}

DELETION_POLICY = Field(computed=True)


class Cloud:
    """One configured provider instance.

    Attributes:
        project: the default project.
        region: the default region, or "".
        policy_lock: held while an IAM policy or an access policy is read, changed and written, as the plugin does.
    """

    def __init__(self, sandbox_url: str, config: Props, environ: Mapping[str, str], cancelled: threading.Event) -> None:
        self.rest = Rest(sandbox_url, access_token(environ), cancelled)
        project = config.get("project") or _first(environ, _PROJECT_VARIABLES)
        self.project = str(project or default_project(sandbox_url))
        self.region = str(config.get("region") or _first(environ, _REGION_VARIABLES))
        self.policy_lock = threading.Lock()
        self._config = config

    def project_of(self, props: Props) -> str:
        """The resource's project, else the provider's."""
        return str(props.get("project") or self.project)

    def default_labels(self) -> dict[str, str]:
        """The provider's labels for everything: its own mark, and ``defaultLabels``."""
        marked = str(self._config.get("addPulumiAttributionLabel", True)).lower() != "false"
        return {**(_ATTRIBUTION_LABEL if marked else {}), **_as_map(self._config.get("defaultLabels"))}

    def wait(self, base: str, operation: Json, timeout: float) -> Json:
        """Polls a long-running operation below ``base`` until it is done, and returns its response.

        Raises:
            RestError: the operation failed, or ``timeout`` seconds have passed.
        """
        name = str(operation.get("name", ""))

        def look() -> Json | None:
            current = operation if operation.get("done") else self.rest.call("GET", base + name)
            return current if current.get("done") else None

        done = self.rest.poll(look, timeout, f"Operation {name}")
        if error := done.get("error"):
            raise RestError(f"Operation {name} failed: {error.get('message')}", status=str(error.get("code", "")))
        response: Json = done.get("response", {})
        return response


class GcpResource(Resource[Cloud]):
    """A resource with the provider's ``deletionPolicy``: PREVENT refuses to delete, ABANDON only forgets."""

    @override
    def planned(self, cloud: Cloud, inputs: Props) -> Props:
        known = {"deletionPolicy": inputs.get("deletionPolicy", "DELETE")}
        return {**known, "project": cloud.project_of(inputs)} if "project" in self.fields else known

    @override
    def delete(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        policy = state.get("deletionPolicy")
        if policy == "PREVENT":
            raise RestError(f'{resource_id} has deletionPolicy "PREVENT". Set it to "DELETE", run up, then try again.')
        if policy != "ABANDON":
            self.destroy(cloud, resource_id, state, timeout)

    def destroy(self, cloud: Cloud, resource_id: str, state: Props, timeout: float) -> None:
        """Removes it from Google and waits; that it is already gone is no error."""
        raise NotImplementedError


def parse_id(patterns: tuple[str, ...], import_id: str) -> dict[str, str]:
    """The named groups of the first pattern that matches. Raises RestError naming the accepted forms."""
    for pattern in patterns:
        if match := re.fullmatch(pattern, import_id):
            return match.groupdict()
    forms = ", ".join(re.sub(r"\(\?P<(\w+)>[^)]*\)", r"{\1}", p) for p in patterns)
    raise RestError(f"The import id {import_id!r} has none of these forms: {forms}.")


def ignore_missing(error: RestError) -> None:
    """Lets a 404 pass: what should be deleted is gone."""
    if error.code != 404:
        raise error


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[n] for n in names if environ.get(n)), "")


def _as_map(value: Any) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}
