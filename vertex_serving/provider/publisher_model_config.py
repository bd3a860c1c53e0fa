"""PublisherModelConfig: the log of a sample of one Gemini model's requests and answers, in one location of a project.

**One owner.** Google keeps one configuration for a project, a location and a model, whoever sets it. So creating adopts
what is there only where nothing is logged, or just what is wanted; another log is somebody else's, and stays.

**The rest.** Only `loggingConfig` is written (by a mask), and in it what the inputs say; what else the configuration or
the log has, like `enableOtelLogging`, stays as it is. Deleting ends the log and leaves the table.

API: publishers.models.setPublisherModelConfig and fetchPublisherModelConfig (aiplatform v1beta1, a preview);
docs.cloud.google.com/gemini-enterprise-agent-platform, "Log requests and responses". What fetching answers where
nothing was ever set is not in them: NOT_FOUND and an empty configuration are taken alike.
"""

from __future__ import annotations

import re
from typing import Any, Final

from vertex_serving.provider.diffs import Change, compare_object, compare_scalars
from vertex_serving.provider.failures import ApiError, Cancelled, Failure, Refused, TimedOut, Uncertain, Unfinished
from vertex_serving.provider.fields import Fields, Problem
from vertex_serving.provider.google_errors import Context, explain
from vertex_serving.provider.operations import finish
from vertex_serving.provider.resource import State
from vertex_serving.provider.session import Session
from vertex_serving.provider.task import Task
from vertex_serving.provider.vertex import Json
from vertex_serving.provider.wire import UNKNOWN, Properties, has_unknown

KEYS: Final = ("project", "region", "model", "logging")
_LOGGING: Final = ("enabled", "samplingRate", "bigqueryDestination")
_ID: Final = re.compile(r"projects/([^/]+)/locations/([^/]+)/publishers/google/models/([^/]+)")
_ID_FORM: Final = "projects/PROJECT/locations/REGION/publishers/google/models/MODEL"
_TRIES: Final = 6
_FETCH: Final = "publishers.models.fetchPublisherModelConfig"
_SET: Final = "publishers.models.setPublisherModelConfig"


class PublisherModelConfig:
    """The resource `vertex-serving:index:PublisherModelConfig`; its Pulumi id is the model's name in the project."""

    token = "vertex-serving:index:PublisherModelConfig"  # noqa: S105 - a type token

    def check(self, session: Session, urn: str, news: Properties) -> tuple[Properties, list[Problem]]:
        """Check the inputs: one configuration a model and location, and a table where something is logged."""
        fields = Fields(news, KEYS)
        inputs: Properties = {
            "project": fields.text(
                "project", required=True, pattern=r"[a-z0-9][a-z0-9.:-]*", form="a project's id, like my-project"
            ),
            "region": fields.text(
                "region",
                required=True,
                pattern=r"[a-z]+-[a-z]+[0-9]+|global|us|eu",
                form="a region like us-central1, or global, us or eu",
            ),
            "model": fields.text(
                "model",
                required=True,
                pattern=r"gemini-[a-z0-9.-]+",
                form="the id of a Gemini model, like gemini-3.5-flash",
            ),
            "logging": _check_logging(fields),
        }
        fields.finish()
        if not fields.problems and not has_unknown([inputs[key] for key in KEYS[:3]]):
            other = session.declare(name_of(inputs), urn)
            if other:
                fields.wrong(
                    "model",
                    f"is {inputs['model']}, which {other.rpartition('::')[2]} already configures in "
                    f"{inputs['region']}; a model has one PublisherModelConfig there",
                )
        return {key: value for key, value in inputs.items() if value is not None}, fields.problems

    def diff(self, olds: Properties, news: Properties) -> list[Change]:
        """Compare inputs; another project, region or model is another configuration."""
        changes = compare_scalars(olds, news, KEYS[:3], replace=True)
        return changes + compare_object("logging", olds.get("logging"), news.get("logging"), _LOGGING)

    def preview(self, news: Properties, old_outputs: Properties | None) -> Properties:
        """Return the inputs, which are all there is."""
        return news

    def create(self, session: Session, task: Task, inputs: Properties) -> State:
        """Set the configuration, or adopt it where it is so already; another one is refused."""
        id_ = name_of(inputs)
        outputs = self._set(session, task, id_, inputs, adopting=True)
        session.make(id_, task.urn)
        return State(id_, inputs, outputs)

    def update(self, session: Session, task: Task, id_: str, old_outputs: Properties, inputs: Properties) -> Properties:
        """Set what differs, in one call."""
        outputs = self._set(session, task, id_, inputs, adopting=False)
        session.make(id_, task.urn)
        return outputs

    def read(self, session: Session, task: Task, id_: str, olds: Properties, old_outputs: Properties) -> State | None:
        """Read the configuration. One that logs nothing is nothing to import, and drift where something is logged."""
        project, region, model = parse(id_)
        try:
            live = session.vertex.publisher_model_config(task, id_)
        except ApiError as error:
            if error.gone:
                return None
            raise explain(error, Context(_FETCH, id_, id_)) from None
        logging = live_logging(live)
        if not logging["enabled"] and not olds:
            return None
        inputs: Properties = {"project": project, "region": region, "model": model, "logging": logging}
        return State(id_, inputs, inputs)

    def delete(self, session: Session, task: Task, id_: str, outputs: Properties) -> None:
        """End the log, unless this run has just set it through another resource."""
        if session.made(id_):
            task.warn("The log of requests stays as it is: its replacement is the log of the same model and location.")
            return
        parse(id_)
        change = ConfigChange(session, task, id_)
        try:
            change.make({"enabled": False}, adopting=False)
        except ApiError as error:
            if not error.gone:
                raise explain(error, Context(change.method, id_, id_)) from None

    def _set(self, session: Session, task: Task, id_: str, inputs: Properties, adopting: bool) -> Properties:
        change = ConfigChange(session, task, id_)
        try:
            change.make(inputs["logging"], adopting)
        except ApiError as error:
            raise explain(error, Context(change.method, id_, id_)) from None
        except (Cancelled, TimedOut, Uncertain) as end:
            if not change.sent:
                raise
            raise Unfinished(
                f"Whether the log of {inputs['model']}'s requests is set is not known: {_why(end)}. Run `pulumi up` "
                "again.",
                id_,
                inputs,
                grpc_status=end.grpc_status,
            ) from None
        return inputs


class ConfigChange:
    """One change of a model's log in a location.

    Attributes:
        method: The method that was called last, by its discovery name.
        sent: Whether a request is out whose end is not known.
    """

    def __init__(self, session: Session, task: Task, name: str) -> None:
        self._session = session
        self._task = task
        self._name = name
        self.method = _FETCH
        self.sent = False

    def make(self, wanted: Properties, adopting: bool) -> None:
        """Set the log, whatever it was; nothing is sent when it is so already.

        Args:
            wanted: Checked `logging`.
            adopting: Whether a log that differs is somebody else's.

        Raises:
            ApiError: Google refuses it for good.
            Refused: Another log is set there.
            Failure: It could not be done, or nobody knows (see `sent`).
        """
        tries, model = 0, self._name.rpartition("/")[2]
        while True:
            live = self._fetch()
            found = live_logging(live)
            if _same(found, wanted):
                return
            if adopting and found["enabled"]:
                raise Refused(_taken(self._name, found))
            self._task.status(f"setting the log of {model}'s requests")
            self.method, self.sent = _SET, True
            body = {key: value for key, value in live.get("loggingConfig", {}).items() if key not in _LOGGING}
            try:
                operation = self._session.vertex.set_publisher_model_config(
                    self._task, self._name, body | to_google(wanted)
                )
                finish(self._session, self._task, operation, f"setting the log of {model}'s requests", beta=True)
                self.sent = False
                return
            except Uncertain:
                tries += 1
                if tries == _TRIES:
                    raise
            except ApiError as error:
                self.sent = False
                tries += 1
                # The end of an operation says FAILED_PRECONDITION of what lasts, such as a dataset that is not there.
                if not error.busy or not error.http or tries == _TRIES:
                    raise
            self._task.pause(0.1 * 2**tries)

    def _fetch(self) -> Json:
        self.method = _FETCH
        try:
            return self._session.vertex.publisher_model_config(self._task, self._name)
        except ApiError as error:
            if error.gone:
                return {}
            raise


def name_of(inputs: Properties) -> str:
    """Return the model's name in the project and region, which is the Pulumi id."""
    return f"projects/{inputs['project']}/locations/{inputs['region']}/publishers/google/models/{inputs['model']}"


def parse(id_: str) -> tuple[str, str, str]:
    """Return project, region and model in a Pulumi id.

    Raises:
        Refused: It has not the form of one.
    """
    found = _ID.fullmatch(id_)
    if found is None:
        raise Refused(f"{id_!r} is not the id of a publisher model's configuration; the form is {_ID_FORM}.")
    return found[1], found[2], found[3]


def to_google(logging: Properties) -> Json:
    """Return a PredictRequestResponseLoggingConfig for checked `logging`."""
    config: Json = {"enabled": logging["enabled"]}
    if "samplingRate" in logging:
        config["samplingRate"] = logging["samplingRate"]
    if "bigqueryDestination" in logging:
        config["bigqueryDestination"] = {"outputUri": logging["bigqueryDestination"]}
    return config


def live_logging(config: Json) -> Properties:
    """Return the `logging` that a PublisherModelConfig has."""
    live = config.get("loggingConfig", {})
    logging: Properties = {"enabled": bool(live.get("enabled"))}
    if live.get("samplingRate"):
        logging["samplingRate"] = live["samplingRate"]
    destination = live.get("bigqueryDestination", {}).get("outputUri")
    if destination:
        logging["bigqueryDestination"] = destination
    return logging


def _same(found: Properties, wanted: Properties) -> bool:
    """Whether a log is as wanted; where none is wanted, the rest of it means nothing."""
    return found == wanted if wanted["enabled"] else not found["enabled"]


def _taken(name: str, found: Properties) -> str:
    project, region, model = parse(name)
    return (
        f"The requests to {model} in {region} of project {project} are logged already, to "
        f"{found.get('bigqueryDestination', 'a table of its own')} (sampling rate {found.get('samplingRate', 1)}): "
        "somebody else's configuration, and a model has one. Leave it and remove this resource, give it the same "
        f"`logging`, or take it over as it is: `pulumi import vertex-serving:index:PublisherModelConfig NAME {name}`."
    )


def _why(end: Failure) -> str:
    return "Google's answer was lost" if isinstance(end, Uncertain) else "it was not waited for any longer"


def _check_logging(fields: Fields) -> Any:
    value = fields.values.get("logging")
    if value is UNKNOWN:
        return UNKNOWN
    if not isinstance(value, dict):
        given = "is missing" if value is None else f"is {value!r}"
        fields.wrong("logging", f"{given}; give {{enabled, samplingRate, bigqueryDestination}}")
        return None
    logging = Fields(value, _LOGGING, "logging", fields.problems)
    enabled = logging.flag("enabled", required=True)
    needed = enabled is True
    checked = {
        "enabled": enabled,
        "samplingRate": logging.fraction("samplingRate", required=needed),
        "bigqueryDestination": logging.text(
            "bigqueryDestination",
            required=needed,
            pattern=r"bq://[^./\s]+(\.[^./\s]+){0,2}",
            form="bq://PROJECT.DATASET.TABLE",
            longest=2000,
        ),
    }
    logging.finish()
    return {key: one for key, one in checked.items() if one is not None}
