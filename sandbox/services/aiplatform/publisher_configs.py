"""publishers.models.setPublisherModelConfig and fetchPublisherModelConfig, a preview of v1beta1.

Rules: discovery; docs.cloud.google.com/gemini-enterprise-agent-platform, "Log requests and responses". What the fetch
of a configuration that was never set answers is not in them: here it is the 404 that others report. Prompts are not
logged to any table; nor is the table looked for, as the sandbox's BigQuery has none.
"""

import copy
import re

from sandbox import listing
from sandbox.core import Sandbox
from sandbox.errors import Json, failed_precondition, not_found
from sandbox.operations import completion
from sandbox.registry import Call, method, not_imitated
from sandbox.services import bigquery
from sandbox.services.aiplatform import publishers, rules
from sandbox.services.aiplatform.names import (
    check_required,
    generic_metadata,
    new_id,
    parse,
    required,
    started,
    wrong_field,
)

KIND = "aiplatform.publisherModelConfig"
_METHODS = "aiplatform.projects.locations.publishers.models."
_SET = "aiplatform.publishers.models.setPublisherModelConfig"
_BETA = "type.googleapis.com/google.cloud.aiplatform.v1beta1."
_LOGGING = "publisher_model_config.logging_config"
_TABLE = re.compile(r"bq://([^./\s]+)(?:\.([^./\s]+)(?:\.([^./\s]+))?)?")


@method(_METHODS + "setPublisherModelConfig")
def set_config(call: Call) -> Json:
    """Starts the change of the whole configuration, or of the fields of a mask."""
    sandbox, body = call.sandbox, call.body
    location, name = _model(call)
    if "publisherModelConfig" not in body:
        raise required("publisher_model_config")
    given = body["publisherModelConfig"]
    check_required(call, "PublisherModelConfig", given, "publisher_model_config")
    logging = given.get("loggingConfig", {})
    rules.check_logging(logging, _LOGGING)
    destination = logging.get("bigqueryDestination", {}).get("outputUri", "")
    if destination and not _TABLE.fullmatch(destination):
        raise wrong_field(
            f"{_LOGGING}.bigquery_destination.output_uri",
            f"{destination} is not of the form bq://projectId.bqDatasetId.bqTableId.",
        )
    return started(
        call,
        _SET,
        f"{location}/operations/{new_id()}",
        sandbox.settings.operation_seconds,
        {"name": name, "config": given, "mask": listing.mask_paths(body.get("updateMask", ""))},
        {**generic_metadata(sandbox, ""), "@type": _BETA + "SetPublisherModelConfigOperationMetadata"},
    )


@completion(_SET)
def _changed(sandbox: Sandbox, operation: Json) -> Json:
    args = operation["args"]
    config: Json = args["config"]
    if args["mask"] and args["mask"] != ["*"]:
        config = copy.deepcopy(sandbox.store.get(KIND, args["name"]) or {})
        for path in args["mask"]:
            listing.apply_mask(config, args["config"], path)
    _check_dataset(sandbox, config.get("loggingConfig", {}))
    sandbox.store.put(KIND, args["name"], config)
    return {"@type": _BETA + "PublisherModelConfig", **config}


@method(_METHODS + "fetchPublisherModelConfig")
def fetch_config(call: Call) -> Json:
    """The configuration of a model in a location; 404 where none was ever set."""
    _, name = _model(call)
    found = call.sandbox.store.get(KIND, name)
    if found is None:
        raise not_found(f"Publisher model config for `{name}` is not found.")
    return found


def _model(call: Call) -> tuple[str, str]:
    """The location's name, and that of Google's model in it."""
    model = publishers.base_name(call.params["name"])
    if not model:
        raise not_imitated(call, f"the publisher of {call.params['name']}")
    where = parse(call.sandbox, call.params["name"])
    publishers.require(call.sandbox, model, where)
    return where.parent, f"{where.parent}/publishers/google/models/{model}"


def _check_dataset(sandbox: Sandbox, logging: Json) -> None:
    """A dataset that is named must exist (discovery, BigQueryDestination)."""
    named = _TABLE.fullmatch(logging.get("bigqueryDestination", {}).get("outputUri", ""))
    if not logging.get("enabled") or named is None or not named[2]:
        return
    if sandbox.store.get(bigquery.KIND, f"{named[1]}:{named[2]}") is None:
        raise failed_precondition(f"BigQuery dataset {named[1]}:{named[2]} is not found.")
