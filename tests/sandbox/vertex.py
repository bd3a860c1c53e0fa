"""A terse REST client of the sandbox's Vertex AI, for tests."""

from typing import Any

import requests

from sandbox.core import PROJECT_NUMBER
from sandbox.testing import SandboxHandle

Json = dict[str, Any]


class RefusedError(AssertionError):
    """An error answer, with its parts."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"{response.status_code} {response.text}")
        self.code = response.status_code
        error = response.json()["error"]
        self.status: str = error["status"]
        self.message: str = error["message"]
        self.details: list[Json] = error.get("details", [])


class Vertex:
    """Calls in one region; every error answer raises RefusedError."""

    def __init__(self, sandbox: SandboxHandle, region: str = "us-central1", version: str = "v1") -> None:
        self.sandbox = sandbox
        self.version = version
        self.parent = f"projects/{sandbox.project}/locations/{region}"
        self.canonical = f"projects/{PROJECT_NUMBER}/locations/{region}"

    def model(self, model_id: str) -> str:
        """The full name of a model of the region."""
        return f"{self.parent}/models/{model_id}"

    def call(self, http_method: str, path: str, body: Any = None, host: str = "", **query: Any) -> Json:
        """One call below the version, on the shared host or another; the answer as JSON."""
        response = self.send(http_method, path, body, host, **query)
        if response.status_code >= 400:
            raise RefusedError(response)
        answer: Json = response.json()
        return answer

    def send(self, http_method: str, path: str, body: Any = None, host: str = "", **query: Any) -> requests.Response:
        """The same, whatever the answer."""
        prefix = f"hosts/{host}" if host else "aiplatform"
        url = f"{self.sandbox.url}/{prefix}/{self.version}/{path}"
        return requests.request(http_method, url, json=body, params=query, headers=self.sandbox.headers, timeout=30)

    def create(self, endpoint_id: str = "77", **fields: Any) -> str:
        """Creates an endpoint and returns its name."""
        body = {"displayName": "test", **fields}
        self.call("POST", f"{self.parent}/endpoints", body, endpointId=endpoint_id)
        return f"{self.parent}/endpoints/{endpoint_id}"

    def deploy(self, endpoint: str, deployed_id: str = "1", split: Json | None = None, **fields: Any) -> Json:
        """Deploys gemma-3-4b on an n1-standard-4, or what `fields` of the deployed model say; returns the operation."""
        deployed = {
            "id": deployed_id,
            "displayName": f"model-{deployed_id}",
            "model": self.model("gemma-3-4b"),
            "dedicatedResources": machine(),
            **fields,
        }
        body = {"deployedModel": {k: v for k, v in deployed.items() if v is not None}}
        return self.call("POST", f"{endpoint}:deployModel", body | ({"trafficSplit": split} if split else {}))

    def deploy_privately(self) -> tuple[str, str]:
        """Deploys on an endpoint with Private Service Connect's automation; returns its name and its address."""
        config = {
            "enablePrivateServiceConnect": True,
            "projectAllowlist": [self.sandbox.project],
            "pscAutomationConfigs": [
                {
                    "projectId": self.sandbox.project,
                    "network": f"projects/{self.sandbox.project}/global/networks/default",
                }
            ],
        }
        name = self.create(privateServiceConnectConfig=config)
        self.deploy(name, "1", {"0": 100})
        return name, self.get(name)["privateServiceConnectConfig"]["pscAutomationConfigs"][0]["ipAddress"]

    def split(self, endpoint: str, **percent: int) -> Json:
        """Sets the split, deployed ids written m1=95, m2=5; returns the endpoint."""
        split = {key.removeprefix("m"): value for key, value in percent.items()}
        return self.call("PATCH", endpoint, {"trafficSplit": split}, updateMask="trafficSplit")

    def undeploy(self, endpoint: str, deployed_id: str, split: Json | None = None) -> Json:
        """Undeploys a model; returns the operation."""
        body: Json = {"deployedModelId": deployed_id} | ({"trafficSplit": split} if split else {})
        return self.call("POST", f"{endpoint}:undeployModel", body)

    def get(self, name: str) -> Json:
        """The resource of a name."""
        return self.call("GET", name)

    def complete(self, operation: Json) -> Json:
        """Lets a running operation come due now, and returns it as it ended."""
        sandbox = self.sandbox.sandbox
        record = sandbox.store.get("operation", operation["name"])
        assert record is not None
        now = sandbox.clock.now()
        sandbox.store.put("operation", operation["name"], record | {"due": now})
        sandbox.store.put("operation.running", operation["name"], {"due": now})
        sandbox.store.commit()
        return self.get(operation["name"])

    def ask(self, endpoint: str, prompt: str, host: str = "") -> Json:
        """One prediction."""
        return self.call("POST", f"{endpoint}:predict", {"instances": [{"content": prompt}]}, host)


def machine(least: int = 1, most: int | None = None, machine_type: str = "n1-standard-4", **fields: Any) -> Json:
    """dedicatedResources."""
    resources: Json = {"machineSpec": {"machineType": machine_type}, "minReplicaCount": least, **fields}
    return resources | ({"maxReplicaCount": most} if most is not None else {})
