"""How the property tests run their state machines: the same sequences every time, and no limit of time."""

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


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
