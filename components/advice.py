"""Says what to do where a provider's error says only what went wrong."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import pulumi

import refusals

_NONE: Final[Mapping[str, str]] = MappingProxyType({})


def advise(name: str, component: pulumi.Resource, advice: Mapping[str, str] = _NONE) -> pulumi.ResourceHookBinding:
    """Hooks for a resource of `component` that log advice beside its errors; `name` is unique in the program.

    For want of a permission it is that permission, a role that has it, and the command that grants it. Else `advice`
    maps a pattern, searched in the error, to a sentence; `{key}` in it is an input of the failed resource.
    Each sentence is said once, however many resources fail for the same reason. Nothing is tried again.
    """
    said: set[str] = set()

    def say(failure: pulumi.ErrorHookArgs) -> bool:
        lacking = lacking_for(failure)
        for sentence in [lacking] if lacking else advice_for(failure, advice):
            if sentence not in said:
                said.add(sentence)
                pulumi.log.error(sentence, component)
        return False

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(name, say)])


def advice_for(failure: pulumi.ErrorHookArgs, advice: Mapping[str, str]) -> list[str]:
    """The sentences of `advice` whose pattern is in the failure's newest error."""
    newest = failure.errors[0] if failure.errors else ""
    inputs = failure.new_inputs or failure.old_inputs or {}

    def fill(sentence: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda key: str(inputs.get(key[1], key[1])), sentence)

    return [fill(sentence) for pattern, sentence in advice.items() if re.search(pattern, newest)]


def lacking_for(failure: pulumi.ErrorHookArgs) -> str | None:
    """The permission that the failure's newest error is for want of, and what grants it; None for other errors."""
    properties = {**(failure.old_inputs or {}), **(failure.new_inputs or {})}
    newest = failure.errors[0] if failure.errors else ""
    return refusals.lacking(failure.type, failure.failed_operation, newest, properties)
