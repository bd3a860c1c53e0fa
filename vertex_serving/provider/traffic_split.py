"""TrafficSplit: how one endpoint shares its traffic among its deployed models, changed in one call.

**One owner.** A split overwrites the endpoint's whole map, so an endpoint has one TrafficSplit, and everything that
takes traffic there is one of its targets. A target with 0 percent is deployed and idle.

**Order.** Targets name deployed models by the outputs of their DeployedModels. So Pulumi changes the split after every
model that it names is up, and before any model that it no longer names is undeployed: a model upgrade is one
`pulumi up` in which no request fails. This order is what create-before-delete gives; `deleteBeforeReplace` on a
DeployedModel takes it away. Deleting the TrafficSplit empties the map: the endpoint then answers no predictions.

**Consistency.** The change carries the etag of the endpoint it was computed from; when somebody else was faster, the
endpoint is read and the change made again.

API: endpoints.patch with `updateMask=trafficSplit` (aiplatform v1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vertex_serving.provider.deployed_model_inputs import ENDPOINT, ENDPOINT_FORM
from vertex_serving.provider.diffs import Change, compare_maps, compare_scalars
from vertex_serving.provider.failures import ApiError, Cancelled, Failure, Refused, TimedOut, Uncertain, Unfinished
from vertex_serving.provider.fields import Fields, Problem, in_map
from vertex_serving.provider.google_errors import Context, explain
from vertex_serving.provider.live import find
from vertex_serving.provider.operations import Patience
from vertex_serving.provider.resource import State
from vertex_serving.provider.session import Session
from vertex_serving.provider.task import Task
from vertex_serving.provider.vertex import Json
from vertex_serving.provider.wire import UNKNOWN, Properties, has_unknown

_SUFFIX: Final = "/trafficSplit"
_LOST_ANSWERS: Final = 4

Split = dict[str, int]


class TrafficSplit:
    """The resource `vertex-serving:index:TrafficSplit`; its Pulumi id is `ENDPOINT/trafficSplit`."""

    token = "vertex-serving:index:TrafficSplit"  # noqa: S105 - a type token

    def check(self, session: Session, urn: str, news: Properties) -> tuple[Properties, list[Problem]]:
        """Check the inputs: whole percentages that sum to 100, and one split an endpoint."""
        fields = Fields(news, ("endpoint", "targets"))
        endpoint = fields.text("endpoint", required=True, pattern=ENDPOINT, form=ENDPOINT_FORM)
        inputs = {"endpoint": endpoint, "targets": _check_targets(fields)}
        fields.finish()
        if isinstance(endpoint, str) and not fields.problems:
            other = session.declare(endpoint + _SUFFIX, urn)
            if other:
                fields.wrong(
                    "endpoint",
                    f"is {endpoint}, whose traffic {other.rpartition('::')[2]} already splits; an endpoint has one "
                    "TrafficSplit, with all its targets",
                )
        return {key: value for key, value in inputs.items() if value is not None}, fields.problems

    def diff(self, olds: Properties, news: Properties) -> list[Change]:
        """Compare inputs; another endpoint is another split."""
        changes = compare_scalars(olds, news, ("endpoint",), replace=True)
        return changes + compare_maps("targets", olds.get("targets"), news.get("targets"))

    def preview(self, news: Properties, old_outputs: Properties | None) -> Properties:
        """Return the inputs and the split that they make."""
        return news | {"trafficSplit": UNKNOWN if has_unknown(news.get("targets")) else wanted_split(news)}

    def create(self, session: Session, task: Task, inputs: Properties) -> State:
        """Set the split."""
        id_ = inputs["endpoint"] + _SUFFIX
        outputs = self._set(session, task, inputs["endpoint"], inputs)
        session.make(id_, task.urn)
        return State(id_, inputs, outputs)

    def update(self, session: Session, task: Task, id_: str, old_outputs: Properties, inputs: Properties) -> Properties:
        """Change the split in one call."""
        outputs = self._set(session, task, inputs["endpoint"], inputs)
        session.make(id_, task.urn)
        return outputs

    def read(self, session: Session, task: Task, id_: str, olds: Properties, old_outputs: Properties) -> State | None:
        """Read the split; targets keep the names they have, others are named by their deployed model's displayName."""
        endpoint = parse(id_)
        try:
            live = session.vertex.endpoint(task, endpoint)
        except ApiError as error:
            if error.gone:
                return None
            raise explain(error, Context("endpoints.get", endpoint)) from None
        targets = live_targets(live, olds.get("targets") or {})
        if not targets:
            return None
        inputs: Properties = {"endpoint": endpoint, "targets": targets}
        return State(id_, inputs, inputs | {"trafficSplit": live_split(live)})

    def delete(self, session: Session, task: Task, id_: str, outputs: Properties) -> None:
        """Empty the split, unless this run has just set it through another resource."""
        if session.made(id_):
            task.warn("The traffic split stays as it is: its replacement is the split of the same endpoint.")
            return
        endpoint = parse(id_)
        try:
            SplitChange(session, task, endpoint).make({})
        except ApiError as error:
            if not error.gone:
                raise explain(error, Context("endpoints.patch", endpoint)) from None

    def _set(self, session: Session, task: Task, endpoint: str, inputs: Properties) -> Properties:
        change = SplitChange(session, task, endpoint)
        wanted = wanted_split(inputs)
        try:
            live = change.make(wanted)
        except ApiError as error:
            raise explain(error, Context("endpoints.patch", endpoint)) from None
        except (Cancelled, TimedOut, Uncertain) as end:
            if not change.sent:
                raise
            raise Unfinished(
                f"Whether the traffic is changed is not known: Google's answer {_lost(end)}. Run `pulumi up` again.",
                endpoint + _SUFFIX,
                inputs | {"trafficSplit": wanted},
                grpc_status=end.grpc_status,
            ) from None
        return inputs | {"trafficSplit": live_split(live)}


def parse(id_: str) -> str:
    """Return the endpoint's name in a Pulumi id.

    Raises:
        Refused: It has not the form of one.
    """
    endpoint = id_.removesuffix(_SUFFIX)
    if endpoint == id_ or endpoint.count("/") != 5:
        raise Refused(f"{id_!r} is not the id of a traffic split; the form is {ENDPOINT_FORM}{_SUFFIX}.")
    return endpoint


def wanted_split(inputs: Properties) -> Split:
    """Return the map that the targets make, deployedModelId to percent; who gets nothing is not in it."""
    targets = inputs.get("targets", {}).values()
    return {target["deployedModelId"]: target["percent"] for target in targets if target["percent"]}


def live_split(endpoint: Json) -> Split:
    """Return an Endpoint's trafficSplit without those who get nothing."""
    return {id_: int(percent) for id_, percent in endpoint.get("trafficSplit", {}).items() if percent}


def live_targets(endpoint: Json, olds: Mapping[str, Any]) -> dict[str, Any]:
    """Return the targets that would make an Endpoint's split, under the names that `olds` have for them."""
    split = live_split(endpoint)
    targets: dict[str, Any] = {}
    for name, old in olds.items():
        id_ = old.get("deployedModelId", "")
        targets[name] = {"deployedModelId": id_, "percent": split.pop(id_, 0)}
    for id_, percent in split.items():
        name = (find(endpoint, id_) or {}).get("displayName") or id_
        unique = name if name not in targets else f"{name}-{id_}"
        targets[unique] = {"deployedModelId": id_, "percent": percent}
    return targets


class SplitChange:
    """One change of an endpoint's split.

    Attributes:
        sent: Whether a request is out whose answer is not known.
    """

    def __init__(self, session: Session, task: Task, endpoint: str) -> None:
        self._session = session
        self._task = task
        self._endpoint = endpoint
        self.sent = False

    def make(self, split: Split) -> Json:
        """Set the split, whatever it was, and return the Endpoint; nothing is sent when it is so already.

        Raises:
            ApiError: Google refuses it for good.
            Failure: It could not be done, or nobody knows (see `sent`).
        """
        session, task, endpoint = self._session, self._task, self._endpoint
        patience, lost = Patience(session, task, endpoint), 0
        with task.turn(session.turn(endpoint)):
            while True:
                live = session.vertex.endpoint(task, endpoint)
                _must_be_possible(live, split, endpoint)
                if live_split(live) == split:
                    return live
                task.status(f"changing the traffic to {in_words(split, live)}")
                self.sent = True
                try:
                    changed = session.vertex.set_traffic_split(task, endpoint, split, live.get("etag", ""))
                    task.status(f"traffic: {in_words(split, live)}")
                    return changed
                except Uncertain:
                    lost += 1
                    if lost == _LOST_ANSWERS:
                        raise
                    task.pause(lost)
                except ApiError as error:
                    self.sent = False
                    patience.wait(error)


def _lost(end: Failure) -> str:
    return "was lost" if isinstance(end, Uncertain) else "was not waited for any longer"


def in_words(split: Split, live: Json) -> str:
    """Return a split in words, models by their displayName."""
    shares = [f"{percent} % {(find(live, id_) or {}).get('displayName', id_)}" for id_, percent in split.items()]
    return ", ".join(shares) or "none"


def _must_be_possible(live: Json, split: Split, endpoint: str) -> None:
    if split and live.get("network"):
        raise Refused(
            f"{endpoint} is a private endpoint in a peered network: it holds one model, which gets all traffic, and "
            "has no split. Leave the TrafficSplit out, or use Private Service Connect."
        )
    missing = [id_ for id_ in split if find(live, id_) is None]
    if missing:
        there = [f"{one['id']} ({one.get('displayName', '')})" for one in live.get("deployedModels", [])]
        raise Refused(
            f"No model with the id {', '.join(missing)} is deployed on {endpoint}; there are: "
            f"{', '.join(there) or 'none'}. Use the deployedModelId of a DeployedModel on that endpoint, or run "
            "`pulumi refresh` if one was undeployed by hand."
        )


def _check_targets(fields: Fields) -> Any:
    values = fields.values.get("targets")
    if values is UNKNOWN:
        return UNKNOWN
    if not isinstance(values, dict) or not values:
        given = "is missing" if values is None else f"is {values!r}"
        fields.wrong("targets", f"{given}; give NAME: {{deployedModelId, percent}} for each model that takes traffic")
        return None
    targets: dict[str, Any] = {}
    for name, value in values.items():
        path = in_map("targets", name)
        if value is UNKNOWN:
            targets[name] = UNKNOWN
            continue
        if not isinstance(value, dict):
            fields.problems.append(Problem(path, f"is {value!r}; give {{deployedModelId, percent}}"))
            continue
        target = Fields(value, ("deployedModelId", "percent"), path, fields.problems)
        targets[name] = {
            "deployedModelId": target.text(
                "deployedModelId", required=True, pattern=r"[0-9]{1,20}", form="the deployedModelId of a DeployedModel"
            ),
            "percent": target.integer("percent", 0, 100, required=True),
        }
        target.finish()
    _check_sum(fields, targets)
    return targets


def _check_sum(fields: Fields, targets: dict[str, Any]) -> None:
    known = [target for target in targets.values() if isinstance(target, dict)]
    ids = [target["deployedModelId"] for target in known if isinstance(target["deployedModelId"], str)]
    for twice in sorted({id_ for id_ in ids if ids.count(id_) > 1}):
        fields.wrong("targets", f"name the deployed model {twice} more than once; give it one target")
    percents = [target["percent"] for target in known if isinstance(target["percent"], int)]
    if len(percents) == len(fields.values["targets"]) and sum(percents) != 100:
        shares = " + ".join(f"{name} {target['percent']}" for name, target in targets.items())
        fields.wrong("targets", f"sum to {sum(percents)} percent ({shares}); the percentages must sum to 100")
