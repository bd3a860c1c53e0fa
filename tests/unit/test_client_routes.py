"""ClientRoutes alone: the document, the ConfigMap, the file; and FallbackKey alone, in both of its places."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_gcp as gcp
import pytest
import yaml

import components as parts
from tests.unit.recorder import Recorder, record

ENDPOINT = "projects/my-project/locations/us-central1/endpoints/123456789"
GEMINI = parts.ManagedRoute(name="gemini", model="gemini-3.8-flash", location="global", weight=95, fallback_order=2)
OWN = parts.EndpointRoute(
    name="own",
    endpoint=ENDPOINT,
    location="us-central1",
    host="10.0.0.7",
    api="predict",
    scheme="http",
    weight=5,
    fallback_order=1,
    models={"42": "gemma"},
)
DOCUMENT = {
    "version": 1,
    "project": "my-project",
    "routes": [
        {
            "name": "own",
            "serving": "endpoint",
            "endpoint": ENDPOINT,
            "location": "us-central1",
            "host": "10.0.0.7",
            "api": "predict",
            "scheme": "http",
            "weight": 5,
            "fallbackOrder": 1,
            "models": {"42": "gemma"},
        },
        {
            "name": "gemini",
            "serving": "managed",
            "model": "gemini-3.8-flash",
            "location": "global",
            "weight": 95,
            "fallbackOrder": 2,
        },
    ],
}


def client_routes(preview: bool = False, cluster: bool = False, **changes: Any) -> Recorder:
    """ClientRoutes changed by `changes`, with its outputs, on a cluster if wanted."""

    def program() -> dict[str, Any]:
        args: dict[str, Any] = {"project": "my-project", "namespace": "production", "routes": [GEMINI, OWN], **changes}
        if cluster:
            args["cluster"] = provider()
        made = parts.ClientRoutes("gemini-routes", parts.ClientRoutesArgs(**args))
        return {"document": made.document, "manifest": made.manifest, "environment": made.environment}

    return record(program, preview=preview)


def provider() -> Any:
    """A Kubernetes provider."""
    from pulumi_kubernetes import Provider

    return Provider("mine", context="mine")


def test_the_document_has_the_routes_in_the_order_of_fallback() -> None:
    """As gemini_client reads it; whole numbers are whole."""
    done = client_routes()
    assert done.outputs["document"] == DOCUMENT
    assert json.loads(yaml.safe_load(done.outputs["manifest"])["data"]["routes.json"]) == DOCUMENT
    assert [resource.typ for resource in done.resources] == ["gemini-vertex:components:ClientRoutes"]
    assert done.outputs["environment"] == {"GEMINI_ROUTES_FILE": "/etc/gemini/routes.json"}


def test_throughput_and_the_developer_api_stand_there_only_when_wanted() -> None:
    """Absent means Google's default, and no fallback."""
    route = parts.ManagedRoute(**{**vars(GEMINI), "throughput": "dedicated", "weight": 100})
    last = parts.DeveloperApi(model="gemini-3.5-flash")
    document = client_routes(routes=[route], developer_api=last).outputs["document"]
    assert document["routes"][0]["throughput"] == "dedicated"
    assert document["developerApi"] == {"model": "gemini-3.5-flash"}


def test_the_document_says_where_the_key_is_and_how_much_may_be_asked() -> None:
    """The name of a secret's version is no secret; a pod that reads the document needs no restart for either."""
    kept = pulumi.Output.from_input("projects/p/secrets/key/versions/latest")
    last = parts.DeveloperApi(model="gemini-3.5-flash", key_secret=kept, requests_per_minute=300, concurrency=20)
    assert client_routes(developer_api=last).outputs["document"]["developerApi"] == {
        "model": "gemini-3.5-flash",
        "keySecret": "projects/p/secrets/key/versions/latest",
        "requestsPerMinute": 300,
        "concurrency": 20,
    }


def test_with_a_cluster_the_config_map_is_applied() -> None:
    """With the given provider; its data is the document."""
    done = client_routes(cluster=True, name="other-routes")
    made = done.one("core/v1:ConfigMap")
    assert made.inputs["metadata"] == {"name": "other-routes", "namespace": "production"}
    assert json.loads(made.inputs["data"]["routes.json"]) == DOCUMENT
    assert (made.provider or "").endswith("::mine::mine-id")


def test_without_a_cluster_it_is_written_for_someone_else_to_apply(tmp_path: Path) -> None:
    """Beside the service account; a preview writes nothing."""
    path = tmp_path / "k8s" / "gemini-routes.yaml"
    client_routes(preview=True, path=path)
    assert not path.exists()
    done = client_routes(path=path)
    assert path.read_text(encoding="utf-8") == done.outputs["manifest"]
    assert done.of("core/v1:ConfigMap") == []


def test_a_host_that_is_not_known_yet_previews() -> None:
    """A private endpoint has one once its model is up: until then the document is unknown."""

    def program() -> dict[str, Any]:
        unknown = gcp.serviceaccount.Account("other", account_id="other-account", project="p").name
        route = parts.EndpointRoute(**{**vars(OWN), "host": unknown, "weight": 100})
        args = parts.ClientRoutesArgs(project="p", namespace="n", routes=[route], cluster=provider())
        return {"document": parts.ClientRoutes("r", args).document}

    done = record(program, preview=True)
    assert isinstance(done.outputs["document"], pulumi.output.Unknown)
    data = done.one("core/v1:ConfigMap").inputs["data"]
    assert isinstance(data, pulumi.output.Unknown)


KEY = "AIza-of-a-test"


def fallback_key(preview: bool = False, **changes: Any) -> Recorder:
    """FallbackKey changed by `changes`, with its output."""

    def program() -> dict[str, Any]:
        args: dict[str, Any] = {"api_key": KEY, "project": "my-project", "reader": "serviceAccount:a@b.c", **changes}
        if args.get("store") == "kubernetes":
            args["cluster"] = provider()
        return {"secret_version": parts.FallbackKey("key", parts.FallbackKeyArgs(**args)).secret_version}

    return record(program, preview=preview)


def secret(value: Any) -> Any:
    """What a secret hides; fails where it is none."""
    assert pulumi.runtime.rpc.is_rpc_secret(value)
    return pulumi.runtime.rpc.unwrap_rpc_secret(value)


def test_secret_manager_keeps_the_key_for_one_reader() -> None:
    """A secret, a version whose payload is a Pulumi secret, and one member of that secret alone."""
    done = fallback_key()
    made = done.one("secret:Secret").inputs
    assert (made["secretId"], made["project"]) == ("gemini-developer-api-key", "my-project")
    assert secret(done.one(":SecretVersion").inputs["secretData"]) == KEY
    reader = done.one(":SecretIamMember").inputs
    assert (reader["role"], reader["member"]) == ("roles/secretmanager.secretAccessor", "serviceAccount:a@b.c")
    assert done.outputs["secret_version"] == ("projects/my-project/secrets/gemini-developer-api-key/versions/latest")


def test_kubernetes_keeps_the_key_in_a_secret_of_the_namespace() -> None:
    """The pod's manifest refers to it, so the routes need no word."""
    done = fallback_key(store="kubernetes", namespace="production", name="developer-key")
    made = done.one("core/v1:Secret").inputs
    assert made["metadata"] == {"name": "developer-key", "namespace": "production"}
    assert secret(made["stringData"]) == {"apiKey": KEY}
    assert made["type"] == "Opaque"
    assert done.outputs["secret_version"] is None
    assert done.of(":SecretVersion") == []


@pytest.mark.parametrize("store", ["secret-manager", "kubernetes"])
def test_a_key_that_is_not_known_yet_previews(store: str) -> None:
    """Such as one that another stack makes; it stays a secret."""

    def program() -> None:
        unknown = gcp.serviceaccount.Account("other", account_id="other-account", project="p").name
        cluster = provider() if store == "kubernetes" else None
        args: Any = {"api_key": unknown, "store": store, "project": "p", "namespace": "n", "cluster": cluster}
        parts.FallbackKey("key", parts.FallbackKeyArgs(**args))

    done = record(program, preview=True)
    found = done.of("core/v1:Secret") or done.of(":SecretVersion")
    held = found[0].inputs.get("stringData") or found[0].inputs.get("secretData")
    assert isinstance(held, pulumi.output.Unknown) or pulumi.runtime.rpc.is_rpc_secret(held)
