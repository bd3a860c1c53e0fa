"""The pack as Pulumi runs it: every rule of policy/pack.py, given what the engine knows of a resource."""

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pulumi_policy.policy
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import _PolicyAnalyzerServicer
from pulumi_policy.proxy import UnknownValueError

# Pulumi starts this folder as a program of its own
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from model_catalogue import today
from policy.pack import RULES
from policy.rule import UNKNOWN, Context, Environment, Resource, Rule

try:
    DAY = today(os.environ)
except ValueError as error:
    sys.exit(str(error))


class Servicer(_PolicyAnalyzerServicer):  # type: ignore[misc]
    """Pulumi's own, which of a stack's configuration takes the tags only: the engine tells all of it, and only here."""

    environment: Environment = "prod"

    def ConfigureStack(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's method name
        """Take the environment by the program's own rule for `gemini-vertex:environment`."""
        default = "dev" if request.stack == "dev" else "prod"
        Servicer.environment = cast(Environment, request.config.get("gemini-vertex:environment") or default)
        return super().ConfigureStack(request, context)


def context() -> Context:
    """The stack that is checked, and the day."""
    return Context(Servicer.environment, DAY)


def plain(value: Any) -> Any:
    """A property's value as dicts and lists, with UNKNOWN for what a preview does not know."""
    if isinstance(value, Mapping):
        return {key: _entry(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_entry(value, index) for index in range(len(value))]
    return value


def _entry(holder: Any, key: Any) -> Any:
    try:
        return plain(holder[key])
    except UnknownValueError:
        return UNKNOWN


def resource(given: ResourceValidationArgs | PolicyResource) -> Resource:
    """A resource as the rules see it."""
    return Resource(given.resource_type, given.name, given.urn, plain(given.props), bool(given.opts.protect))


def check_resource(rule: Rule, args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Report what one resource violates."""
    for violation in rule.check([resource(args)], context()):
        report(violation.message, None)


def check_stack(rule: Rule, args: StackValidationArgs, report: ReportViolation) -> None:
    """Report what all resources together violate."""
    for violation in rule.check([resource(each) for each in args.resources], context()):
        report(violation.message, violation.urn or None)


def policy(rule: Rule) -> Policy:
    """A rule as Pulumi's own class."""
    level = EnforcementLevel(rule.level)
    if rule.of_stack is not None:
        return StackValidationPolicy(rule.name, rule.why, partial(check_stack, rule), level)
    return ResourceValidationPolicy(rule.name, rule.why, partial(check_resource, rule), level)


pulumi_policy.policy._PolicyAnalyzerServicer = Servicer
PolicyPack("gemini-vertex", [policy(rule) for rule in RULES])
