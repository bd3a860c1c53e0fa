"""A live traffic split told by the names that people configured."""

from collections.abc import Mapping

import pulumi


def split_by_name(
    live: pulumi.Input[Mapping[str, int]], deployed_model_ids: Mapping[str, pulumi.Input[str]]
) -> pulumi.Output[dict[str, int]]:
    """`live` (deployed model id to percent, as the API has it) by name; an id without a name here keeps its id.

    Models without traffic have no entry in the API's split; here they have 0.
    """
    ids = pulumi.Output.all(**deployed_model_ids)
    return pulumi.Output.all(live, ids).apply(lambda known: _by_name(*known))


def _by_name(live: Mapping[str, float], ids: Mapping[str, str]) -> dict[str, int]:
    names = {number: name for name, number in ids.items()}
    split = dict.fromkeys(ids, 0)
    for number, percent in live.items():
        split[names.get(number, number)] = int(percent)
    return split
