"""What a rule is, and what it sees. Nothing here needs Pulumi, so that a rule can be tested as a function."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Level = Literal["mandatory", "advisory"]
Environment = Literal["dev", "prod"]

UNKNOWN: Final = object()
"""Stands for a value that a preview does not know yet. A rule lets it pass: the update checks it again."""

ENDPOINT: Final = "gcp:vertex/aiEndpoint:AiEndpoint"
DEPLOYED_MODEL: Final = "vertex-serving:index:DeployedModel"
TRAFFIC_SPLIT: Final = "vertex-serving:index:TrafficSplit"
PERIMETER: Final = "gcp:accesscontextmanager/servicePerimeter:ServicePerimeter"
CONFIG_MAP: Final = "kubernetes:core/v1:ConfigMap"
SECRET: Final = "kubernetes:core/v1:Secret"  # noqa: S105
DATASET: Final = "gcp:bigquery/dataset:Dataset"
SECRET_VERSION: Final = "gcp:secretmanager/secretVersion:SecretVersion"  # noqa: S105
ALERT_POLICY: Final = "gcp:monitoring/alertPolicy:AlertPolicy"
STACK: Final = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Resource:
    """A resource of the stack. `properties` are named as in Pulumi's schema; `protected` is its option `protect`."""

    type: str
    name: str
    urn: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    protected: bool = False

    def text(self, *path: str) -> str:
        """The text at `path`, "" where there is none or it is not known yet."""
        value: Any = self.properties
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""


@dataclass(frozen=True)
class Context:
    """Which stack is checked, and on which day (it decides what is retired)."""

    environment: Environment
    today: dt.date


@dataclass(frozen=True)
class Violation:
    """A sentence that names the resource and says what to do; `urn` is the resource's, "" for the stack as a whole."""

    message: str
    urn: str = ""


OfResource = Callable[[Resource, Context], Iterable[str]]
OfStack = Callable[[Sequence[Resource], Context], Iterable[Violation]]


@dataclass(frozen=True)
class Rule:
    """One rule of the pack: exactly one of its two checks is there.

    - `why`: one sentence, shown above every violation and in docs/policy.md.
    - `level`: mandatory stops the preview or update, advisory is only shown.
    - `of_resource`: called with each resource before it is made or changed; gives a sentence a violation.
    - `of_stack`: called once with all resources, at the end of a preview or update.
    """

    name: str
    level: Level
    why: str
    of_resource: OfResource | None = None
    of_stack: OfStack | None = None

    def check(self, resources: Sequence[Resource], context: Context) -> Iterator[Violation]:
        """Every violation among `resources`."""
        if self.of_stack is not None:
            yield from self.of_stack(resources, context)
        for resource in resources:
            for message in self.of_resource(resource, context) if self.of_resource else ():
                yield Violation(message, resource.urn)
