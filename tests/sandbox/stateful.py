"""How the property tests run their state machines: the same sequences every time, and no limit of time."""

from collections.abc import Callable

import requests
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.sandbox.documents import check_error
from tests.sandbox.vertex import Json


def run(machine: Callable[[], RuleBasedStateMachine], steps: int = 25) -> None:
    """Runs 30 sequences of up to `steps` calls, each on a new machine."""
    run_state_machine_as_test(
        machine,  # type: ignore[arg-type] # any function that makes a machine will do
        settings=settings(
            max_examples=30,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def held(response: requests.Response, refusals: set[tuple[int, str]], asked: str) -> Json | None:
    """The answer to what was asked; None where it was refused, in Google's form, with one of the refusals."""
    answer: Json = response.json()
    if response.status_code >= 400:
        check_error(answer, response.status_code)
        assert (response.status_code, answer["error"]["status"]) in refusals, answer
        return None
    assert not refusals, f"{asked} should have been refused: {refusals}"
    return answer
