"""Says what to do where a provider's error says only what went wrong."""

import re
from collections.abc import Mapping

import pulumi


def advise(name: str, component: pulumi.Resource, advice: Mapping[str, str]) -> pulumi.ResourceHookBinding:
    """Hooks for a resource of `component` that log advice beside its errors; `name` is unique in the program.

    `advice` maps a pattern, searched in the error, to a sentence; `{key}` in it is an input of the failed resource.
    Each sentence is said once, however many resources fail for the same reason. Nothing is tried again.
    """
    said: set[str] = set()

    def say(failure: pulumi.ErrorHookArgs) -> bool:
        for sentence in advice_for(failure, advice):
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
