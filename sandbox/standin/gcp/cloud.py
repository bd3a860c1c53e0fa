"""Google's services as a configured gcp provider reaches them."""

from __future__ import annotations

import re
import threading
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
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

_CHANGE_TIMEOUT = 20 * 60.0


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
    """A resource that Google knows by a path: read with GET, changed with PATCH, removed with DELETE.

    Its ``deletionPolicy`` is the provider's own: PREVENT refuses to delete, ABANDON only forgets.

    Attributes:
        base: where its service is: "iam/v1/".
        import_ids: the ids that a person may import, as "projects/{project}/roles/{roleId}"; the first is the
            resource's own. Where ``{project}`` is left out it is the provider's.
    """

    base: str = ""
    import_ids: tuple[str, ...] = ()

    def path(self, resource_id: str) -> str:
        """Where the resource is read, changed and deleted."""
        return self.base + resource_id

    def find(self, cloud: Cloud, resource_id: str) -> Json | None:
        """The resource as the service shows it, or None when it is gone."""
        return cloud.rest.find(self.path(resource_id))

    @abstractmethod
    def shown(self, cloud: Cloud, resource_id: str, state: Props, live: Json) -> Props:
        """The properties of ``live``. ``state`` has what only the provider remembers."""

    def send(
        self,
        cloud: Cloud,
        method: str,
        path: str,
        body: Json | None = None,
        query: dict[str, str] | None = None,
        timeout: float = _CHANGE_TIMEOUT,
    ) -> Json:
        """A request that changes something; where it answers a long-running operation, waits and gives its response."""
        with self.lock(cloud):
            return self.finish(cloud, path, cloud.rest.call(method, path, body, query), timeout)

    def finish(self, cloud: Cloud, path: str, answer: Json, timeout: float) -> Json:
        """The response of the operation that ``answer`` is, else ``answer``."""
        return cloud.wait(self.base, answer, timeout) if "operations" in str(answer.get("name")).split("/") else answer

    def lock(self, cloud: Cloud) -> AbstractContextManager[object]:
        """Held while a change is made and waited for."""
        return nullcontext()

    def patch(self, cloud: Cloud, resource_id: str, body: Json, mask: Iterable[str] = ()) -> None:
        """Changes the fields of ``mask`` to what ``body`` has, or all that ``body`` has without one."""
        masked = ",".join(mask)
        self.send(cloud, "PATCH", self.path(resource_id), body, {"updateMask": masked} if masked else None)

    @override
    def read(self, cloud: Cloud, resource_id: str, state: Props) -> Props | None:
        live = self.find(cloud, resource_id)
        if live is None:
            return None
        kept = {"deletionPolicy": state.get("deletionPolicy", "DELETE")}
        return {**kept, **self.shown(cloud, resource_id, state, live)}

    @override
    def locate(self, cloud: Cloud, import_id: str) -> tuple[str, Props]:
        parts = parse_id(self.import_ids, import_id)
        return self.import_ids[0].format(**{"project": cloud.project, **parts}), {}

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
        try:
            self.send(cloud, "DELETE", self.path(resource_id), timeout=timeout)
        except RestError as error:
            if error.code != 404 or self.find(cloud, resource_id) is not None:
                raise


def parse_id(forms: tuple[str, ...], import_id: str) -> dict[str, str]:
    """The named parts of the first form that fits. Raises RestError naming the accepted forms."""
    for form in forms:
        if match := re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", form), import_id):
            return match.groupdict()
    raise RestError(f"The import id {import_id!r} has none of these forms: {', '.join(forms)}.")


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environ[n] for n in names if environ.get(n)), "")


def _as_map(value: Any) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}
