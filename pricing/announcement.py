"""Says in Pulumi's own display what a stack costs, and what the change at hand makes of it."""

from typing import Any

import pulumi

from pricing.estimate import Cost
from pricing.words import change, told

OUTPUT = "cost"
_READ_OUTPUTS = "pulumi:pulumi:readStackOutputs"


def announce(cost: Cost) -> None:
    """Log the cost as a table, at preview and update, with its change against the stack's last output `cost`.

    The last output is in the state that the engine works on: it answers without a call of the network's.
    """
    last: pulumi.Output[Any] = pulumi.Output.from_input(_last())
    last.apply(lambda before: pulumi.log.info(_text(cost, before)))


def _text(cost: Cost, before: dict[str, Any]) -> str:
    difference = change(cost, before)
    return f"{told(cost)}\nthis change: {difference}" if difference else told(cost)


async def _last() -> Any:
    """The output of the last update; empty where there was none, or where the backend does not say."""
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    try:
        answer = await pulumi.runtime.invoke_async(_READ_OUTPUTS, {"name": name})
    except Exception as error:  # noqa: BLE001 - the cost is shown all the same
        pulumi.log.debug(f"the last outputs of {name} cannot be read: {error}")
        return {}
    before = (answer or {}).get("outputs", {}).get(OUTPUT)
    return before or {}
