"""The detailed diff that follows from a table of fields, and property bags on the wire."""

from typing import Any

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from sandbox.standin.fields import Field, diff, missing
from sandbox.standin.values import UNKNOWN, from_struct, has_unknown, to_struct

FIELDS = {
    "name": Field(required=True, replace=True),
    "title": Field(),
    "stage": Field(default="GA"),
    "project": Field(replace=True, computed=True),
    "services": Field(unordered=True),
    "steps": Field(),
    "config": Field(nested={"enabled": Field(replace=True), "note": Field(), "address": Field(computed=True)}),
    "rules": Field(nested={"port": Field(), "id": Field(computed=True)}),
}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"title": "a"}, {"title": "a"}, {}),
        ({"title": "a"}, {"title": "b"}, {"title": "UPDATE"}),
        ({}, {"title": "b"}, {"title": "ADD"}),
        ({"title": "a"}, {}, {"title": "DELETE"}),
        ({"title": ""}, {}, {}),
        ({"name": "a"}, {"name": "b"}, {"name": "UPDATE_REPLACE"}),
        ({"name": "a"}, {"name": UNKNOWN}, {"name": "UPDATE_REPLACE"}),
        ({"stage": "GA"}, {}, {}),
        ({"stage": "BETA"}, {}, {"stage": "UPDATE"}),
        ({"project": "p"}, {}, {}),
        ({"project": "p"}, {"project": "q"}, {"project": "UPDATE_REPLACE"}),
        ({"services": ["a", "b"]}, {"services": ["b", "a"]}, {}),
        ({"services": ["a", "b"]}, {"services": ["a"]}, {"services": "UPDATE"}),
        ({"steps": ["a", "b"]}, {"steps": ["b", "a"]}, {"steps": "UPDATE"}),
        ({"config": {"enabled": True}}, {"config": {"enabled": False}}, {"config.enabled": "DELETE_REPLACE"}),
        ({"config": {"note": "x"}}, {"config": {"note": "y"}}, {"config.note": "UPDATE"}),
        ({"config": {"note": "x", "address": "10.0.0.1"}}, {"config": {"note": "x"}}, {}),
        ({"config": {"note": "x"}}, {}, {"config": "DELETE_REPLACE"}),
        ({"config": {"note": "x"}}, {"config": UNKNOWN}, {"config": "UPDATE_REPLACE"}),
        ({"rules": [{"port": 1, "id": "x"}]}, {"rules": [{"port": 1}]}, {}),
        ({"rules": [{"port": 1}]}, {"rules": [{"port": 1}, {"port": 2}]}, {"rules[1]": "ADD"}),
        ({"rules": [{"port": 1}]}, {"rules": [{"port": 3}]}, {"rules[0].port": "UPDATE"}),
        ({"rules": [{"port": 1}, {"port": 2}]}, {"rules": [{"port": 1}]}, {"rules[1]": "DELETE"}),
        ({"config": None}, {"config": {}}, {}),
        ({"etag": "x", "title": "a"}, {"title": "a"}, {}),
    ],
)
def test_a_difference_is_named_by_its_path_and_kind(
    old: dict[str, Any], new: dict[str, Any], expected: dict[str, str]
) -> None:
    assert diff(FIELDS, {"stage": "GA", **old}, new) == expected


texts = st.text(max_size=5)
inputs = st.fixed_dictionaries(
    {},
    optional={
        "name": texts,
        "title": texts,
        "stage": texts,
        "project": texts,
        "services": st.lists(texts, max_size=4),
        "steps": st.lists(texts, max_size=4),
        "config": st.fixed_dictionaries({}, optional={"enabled": st.booleans(), "note": texts, "address": texts}),
        "rules": st.lists(st.fixed_dictionaries({"port": st.integers(0, 99)}), max_size=3),
    },
)


@given(wanted=inputs)
def test_nothing_differs_from_itself(wanted: dict[str, Any]) -> None:
    assert diff(FIELDS, {"stage": "GA", **wanted}, wanted) == {}


@given(old=inputs, new=inputs)
def test_every_path_begins_with_a_field_and_ends_in_a_kind(old: dict[str, Any], new: dict[str, Any]) -> None:
    for path, kind in diff(FIELDS, old, new).items():
        assert path.split(".")[0].split("[")[0] in FIELDS
        assert kind.removesuffix("_REPLACE") in ("ADD", "DELETE", "UPDATE")


def test_a_required_field_may_not_be_empty_but_may_be_unknown() -> None:
    assert missing(FIELDS, {}) == ["name"]
    assert missing(FIELDS, {"name": ""}) == ["name"]
    assert missing(FIELDS, {"name": UNKNOWN}) == []


def test_a_secret_is_unwrapped_and_any_unknown_is_one_unknown() -> None:
    struct: Any = struct_pb2.Struct()
    secret = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": {"key": "k"}}
    unknown_list = "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2"
    struct.update({"secret": secret, "list": unknown_list, "nothing": None, "count": 3, "share": 0.5})
    plain = from_struct(struct)
    assert plain == {"secret": {"key": "k"}, "list": UNKNOWN, "count": 3, "share": 0.5}
    assert isinstance(plain["count"], int)
    assert has_unknown(plain)
    assert not has_unknown({"a": [{"b": "c"}]})


json_values = st.recursive(
    st.booleans() | st.integers(-(2**52), 2**52) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(bag=st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_a_bag_comes_back_from_the_wire_as_it_went(bag: dict[str, Any]) -> None:
    assert from_struct(to_struct(bag)) == bag
