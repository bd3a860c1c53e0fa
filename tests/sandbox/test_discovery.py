"""Routes from Google's documents, and the compiled form of them that is kept."""

from pathlib import Path

import pytest

from sandbox import discovery


@pytest.mark.parametrize(
    ("service", "version", "http_method", "path", "method_id", "params"),
    [
        (
            "aiplatform",
            "v1",
            "POST",
            "v1/projects/p/locations/r/endpoints/1:predict",
            "aiplatform.projects.locations.endpoints.predict",
            {"endpoint": "projects/p/locations/r/endpoints/1"},
        ),
        (
            "aiplatform",
            "v1beta1",
            "GET",
            "v1beta1/projects/p/locations/r/endpoints/1/operations/2",
            "aiplatform.projects.locations.endpoints.operations.get",
            {"name": "projects/p/locations/r/endpoints/1/operations/2"},
        ),
        (
            "aiplatform",
            "v1",
            "GET",
            "v1/projects/p/locations/r/models/a%2Fb",
            "aiplatform.projects.locations.models.get",
            {"name": "projects/p/locations/r/models/a/b"},
        ),
        (
            "compute",
            "v1",
            "GET",
            "v1/projects/p/global/networks/default",
            "compute.networks.get",
            {"project": "p", "network": "default"},
        ),
        (
            "cloudresourcemanager",
            "v1",
            "POST",
            "v1/projects/example.com:shop:getIamPolicy",
            "cloudresourcemanager.projects.getIamPolicy",
            {"resource": "example.com:shop"},
        ),
        (
            "cloudresourcemanager",
            "v1",
            "GET",
            "v1/projects/example.com:shop",
            "cloudresourcemanager.projects.get",
            {"projectId": "example.com:shop"},
        ),
        (
            "iam",
            "v1",
            "POST",
            "v1/projects/p/serviceAccounts/a@p.iam.gserviceaccount.com:setIamPolicy",
            "iam.projects.serviceAccounts.setIamPolicy",
            {"resource": "projects/p/serviceAccounts/a@p.iam.gserviceaccount.com"},
        ),
    ],
)
def test_a_path_leads_to_its_method(
    service: str, version: str, http_method: str, path: str, method_id: str, params: dict[str, str]
) -> None:
    document = discovery.load(service, version)
    assert document is not None
    found = document.match(http_method, path)
    assert found is not None
    assert (found[0].id, found[1]) == (method_id, params)


def test_a_path_of_no_method_leads_nowhere() -> None:
    document = discovery.load("aiplatform", "v1")
    assert document is not None
    assert document.match("GET", "v1/projects/p/locations/r/endpoints/1:predict") is None
    assert document.match("POST", "v1/projects/p/locations/r/nothing") is None


@pytest.mark.parametrize(
    ("service", "version"), [("nothing", "v1"), ("aiplatform", "v9"), ("../iam", "v1"), ("iam", "..")]
)
def test_a_document_that_does_not_exist_is_none(service: str, version: str) -> None:
    assert discovery.load(service, version) is None


def test_every_method_of_the_imitated_services_is_found_by_a_path_of_its_own() -> None:
    document = discovery.load("accesscontextmanager", "v1")
    assert document is not None
    methods = list(document.methods())
    assert len(methods) > 30
    assert len({(method.http_method, method.id) for method in methods}) == len(methods)


def test_the_compiled_form_is_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path))
    first = discovery.load.__wrapped__("iam", "v2")
    (kept,) = tmp_path.iterdir()
    monkeypatch.setattr(discovery, "compile_document", None)
    again = discovery.load.__wrapped__("iam", "v2")
    assert first is not None
    assert again is not None
    assert again.revision == first.revision
    assert [method.id for method in again.methods()] == [method.id for method in first.methods()]
    assert first.revision in kept.name


def test_a_broken_or_forbidden_cache_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path))
    assert discovery.load.__wrapped__("iam", "v2") is not None
    (kept,) = tmp_path.iterdir()
    kept.write_text("{half")
    assert discovery.load.__wrapped__("iam", "v2") is not None
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "file" / "below"))
    assert discovery.load.__wrapped__("iam", "v2") is not None
