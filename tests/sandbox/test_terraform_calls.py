"""The sandbox answers what Terraform's google provider would send, where no provider could be recorded.

`terraform/calls/` has the calls by service, written by hand from hashicorp/terraform-provider-google at e03b7622 (8.0.0
before its release); pulumi-gcp is a bridge over the same code. test_terraform.py has the calls that were recorded.
"""

from pathlib import Path

import pytest

from sandbox.standin.gcp import RESOURCES
from sandbox.testing import SandboxHandle
from tests.sandbox.plugin_calls import Caller, differences, read_calls

FILES = sorted(Path(__file__).with_name("terraform").joinpath("calls").glob("*.yaml"))

RECORDED = (
    "gcp:accesscontextmanager/accessPolicy:AccessPolicy",
    "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter",
    "gcp:compute/network:Network",
    "gcp:projects/iAMCustomRole:IAMCustomRole",
    "gcp:projects/iAMMember:IAMMember",
    "gcp:projects/service:Service",
    "gcp:serviceaccount/account:Account",
    "gcp:serviceaccount/iAMMember:IAMMember",
    "gcp:vertex/aiEndpoint:AiEndpoint",
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_call_is_answered_as_the_provider_s_code_needs(sandbox: SandboxHandle, path: Path) -> None:
    """Create, poll, read, update and delete; the end leaves nothing."""
    sandbox.set(operationSeconds=0.03)
    calls = read_calls(path)
    sandbox.enable(*calls["enable"])
    caller = Caller(sandbox, calls)
    for call in calls["calls"]:
        caller.send(call)
    assert sandbox.state() == {}


def test_the_calls_of_each_type_of_the_stack_are_recorded_or_written() -> None:
    """The types of the stand-in, which are those that the stack has, are all in terraform/main.tf or in a file here."""
    written = {token for path in FILES for token in read_calls(path)["types"]}
    assert written | set(RECORDED) == set(RESOURCES)


def test_an_answer_without_what_is_read_is_a_difference() -> None:
    assert differences({"a": "*", "b": [{"c": 1}]}, {"a": 2, "b": [{"c": 1, "d": 2}], "e": 3}) == []
    assert differences({"a": "*"}, {"a": ""}) == [".a is '', not a value"]
    assert differences({"b": [{"c": 1}]}, {"b": [{"c": 2}]}) == [".b[0].c is 2, not 1"]
    assert differences({"b": []}, {}) == []
    assert differences({"b": []}, {"b": [1]}) == [".b is [1], not []"]
