"""Partial answers, by Google's system parameter `fields` (cloud.google.com/apis/docs/system-parameters)."""

import pytest

from tests.sandbox.vertex import Json, RefusedError, Vertex


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ("endpoints/name,nextPageToken", [{"name"}]),
        ("endpoints(name,displayName)", [{"name", "displayName"}]),
        ("endpoints(display_name)", [{"displayName"}]),
        ("endpoints/labels/team", [{"labels"}]),
        ("*", None),
        ("endpoints", None),
        ("endpoints/*", None),
    ],
)
def test_an_answer_has_the_fields_that_are_asked_for(vertex: Vertex, fields: str, shown: list[set[str]] | None) -> None:
    vertex.create(labels={"team": "ai", "stage": "prod"})
    path = f"{vertex.parent}/endpoints"
    whole, part = vertex.call("GET", path), vertex.call("GET", path, fields=fields)
    assert part == vertex.call("GET", path, **{"$fields": fields})
    if shown is None:
        assert part == whole
    else:
        assert [set(endpoint) for endpoint in part["endpoints"]] == shown
        expected: Json = whole["endpoints"][0]
        assert all(value == expected[name] for name, value in part["endpoints"][0].items() if name != "labels")
        assert part["endpoints"][0].get("labels", {"team": "ai"}) == {"team": "ai"}


@pytest.mark.parametrize(
    "fields", ["colour", "endpoints/colour", "endpoints(name", "endpoints)", "endpoints//name", ","]
)
def test_fields_that_there_are_not_are_refused(vertex: Vertex, fields: str) -> None:
    with pytest.raises(RefusedError) as refused:
        vertex.call("GET", f"{vertex.parent}/endpoints", fields=fields)
    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert "'fields' parameter" in refused.value.details[0]["fieldViolations"][0]["description"]
