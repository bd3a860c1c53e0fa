"""Quota needed at full size against quota had."""

import pytest

from preflight.finding import Finding
from preflight.quota import serving_need
from sandbox.services.aiplatform import machines
from sandbox.testing import SandboxHandle
from scripts import preflight
from settings.machines import ATTACHABLE, BUILT_IN, MACHINE_TYPES, Machine
from tests.preflight.conftest import Examine, of, settings
from tests.unit.configurations import managed, one_model, read


def test_every_model_counts_at_its_most_replicas() -> None:
    """20 of 4 cores and 5 of 8 on N1 share one metric."""
    needed, unknown = serving_need(settings().models)
    assert needed == {"aiplatform.googleapis.com/custom_model_serving_cpus": 120}
    assert unknown == []


@pytest.mark.parametrize(
    ("machine", "accelerator", "count", "needed"),
    [
        ("n1-standard-8", "NVIDIA_TESLA_T4", 2, {"cpus": 8, "nvidia_t4_gpus": 2}),
        ("g2-standard-12", "NVIDIA_L4", 1, {"g2_cpus": 12, "nvidia_l4_gpus": 1}),
        ("a2-ultragpu-2g", "NVIDIA_A100_80GB", 2, {"a2_cpus": 24, "nvidia_a100_80gb_gpus": 2}),
        ("a2-megagpu-16g", "NVIDIA_TESLA_A100", 16, {"a2_cpus": 96, "nvidia_a100_gpus": 16}),
        ("a3-highgpu-8g", "NVIDIA_H100_80GB", 8, {"a3_cpus": 208, "nvidia_h100_gpus": 8}),
        ("ct5lp-hightpu-4t", None, None, {"tpu_v5e": 4}),
        ("n2-highmem-16", None, None, {"n2_cpus": 16}),
    ],
)
def test_a_replica_takes_its_cores_and_accelerators(
    machine: str, accelerator: str | None, count: int | None, needed: dict[str, int]
) -> None:
    """By the family's own metric, as gcloud's table names those of accelerators."""
    stack = read(one_model(machineType=machine, acceleratorType=accelerator, acceleratorCount=count))
    found, unknown = serving_need(stack.models)
    prefix = "aiplatform.googleapis.com/custom_model_serving_"
    assert found == {prefix + metric: amount for metric, amount in needed.items()}
    assert unknown == []


def test_every_machine_that_settings_take_is_counted_or_named() -> None:
    """No machine type of settings makes the count fail; what has no known metric is said."""
    for family, sizes in MACHINE_TYPES.items():
        for size in sizes:
            built_in = Machine(family, size)
            kind, count = built_in.built_in, built_in.built_in_count
            stack = read(
                one_model(machineType=f"{family}-{size}", acceleratorType=kind, acceleratorCount=count or None)
            )
            needed, unknown = serving_need(stack.models)
            assert needed or unknown, f"{family}-{size}"


def test_the_sandbox_counts_accelerators_by_the_same_names() -> None:
    """Both took them from gcloud; the sandbox refuses by them what preflight warns of."""
    for kind in {*ATTACHABLE, "NVIDIA_L4", "NVIDIA_A100_80GB", "NVIDIA_H100_80GB", "NVIDIA_RTX_PRO_6000"}:
        family = next((name for name, built_in in BUILT_IN.items() if built_in == kind), "n1-standard")
        size = MACHINE_TYPES[family][-1] if family != "n1-standard" else "8"
        stack = read(one_model(machineType=f"{family}-{size}", acceleratorType=kind, acceleratorCount=1))
        needed, _ = serving_need(stack.models)
        spec = {"machineType": f"{family}-{size}", "acceleratorType": kind, "acceleratorCount": 1}
        counted = {f"aiplatform.googleapis.com/{metric}" for metric in machines.quota(spec)}
        assert set(needed) == counted


def test_too_little_fails_enough_holds_and_no_room_for_an_upgrade_warns(cloud: SandboxHandle, examine: Examine) -> None:
    """119 are too few for 120, 120 suffice until a model is replaced, 200 suffice for that too."""
    for limit, status, says in (
        (119, "fail", "takes 120, has a limit of 119"),
        (120, "warn", "takes 120 of a limit of 120; an upgrade, old and new side by side, takes up to 200"),
        (200, "ok", "takes 120 of a limit of 200"),
    ):
        cloud.set(servingQuota={"us-central1": {"custom_model_serving_cpus": limit}})
        report = examine()
        finding = of(report, "quota")[0]
        assert (finding.status, says in finding.seen) == (status, True)
        assert [shortage.needed for shortage in report.shortages or []] == ([120] if status == "fail" else [])


def test_submissions_of_operations_have_their_quota(cloud: SandboxHandle, examine: Examine) -> None:
    """Two models and an endpoint are five submissions; four a minute are too few."""
    cloud.set(requestQuota={"us-central1": {"lro_submission_requests": 4}})
    found = [finding for finding in of(examine(), "quota") if finding.status == "fail"]
    assert [finding.seen for finding in found] == [
        "lro_submission_requests in us-central1: takes 5 a minute, has a limit of 4"
    ]


def requests_a_minute(report: preflight.Report) -> Finding:
    """The finding of them."""
    (found,) = [finding for finding in of(report, "quota") if finding.seen.startswith("requests a minute")]
    return found


def test_requests_a_minute_are_limited_on_the_shared_host_only(cloud: SandboxHandle, examine: Examine) -> None:
    """A private endpoint has no such limit, nor have managed models; a tuned Gemini's is compared where one says."""
    assert "no limit on an endpoint" in requests_a_minute(examine(expectedRequestsPerMinute=10**6)).seen
    shared = read({**managed(), "gcp:project": cloud.project, "gemini-vertex:expectedRequestsPerMinute": 10**6})
    assert "not compared, managed models have dynamic" in requests_a_minute(examine(stack=shared)).seen
    cloud.set(requestQuota={"*": {"online_prediction_requests": 30000}})
    tuned = {"name": "t", "model": "tuned-gemini", "traffic": 60}
    stack = {
        "environment": "dev",
        "endpoint": {"name": "e", "connectivity": "public", "dedicated": False},
        "models": [tuned, {"name": "g", "model": "gemini-3.8-flash", "serving": "managed", "traffic": 40}],
        "perimeter": None,
    }
    for expected, status, says in (
        (None, "warn", "30000 on the shared host, all endpoints of the region together; not compared"),
        (50000, "ok", "takes 30000 of 30000 on the shared host"),
        (50001, "fail", "takes 30001, has 30000 on the shared host"),
    ):
        report = examine(**stack, expectedRequestsPerMinute=expected)
        finding = requests_a_minute(report)
        assert (finding.status, says in finding.seen) == (status, True), finding
        assert [each.needed for each in report.shortages or []] == ([30001] if status == "fail" else [])
    assert finding.fix == "add --request-quota, or send less: gemini-vertex:expectedRequestsPerMinute is 50001"
