"""publishers.models: what Model Garden lists of Google's own Gemini models. v1 has `get`, v1beta1 `list` as well."""

from sandbox.errors import Json, not_found
from sandbox.registry import Call, method, not_imitated
from sandbox.services.aiplatform import publishers
from sandbox.services.paging import page

_METHODS = "aiplatform.publishers.models."
_GOOGLE = "publishers/google"


@method(_METHODS + "list")
def list_models(call: Call) -> Json:
    """The models that Google serves today. Filters and all versions are not imitated."""
    if call.params["parent"] != _GOOGLE:
        raise not_imitated(call, f"the publisher of {call.params['parent']}")
    if call.query.get("filter"):
        raise not_imitated(call, "filter")
    return page(call, "publisherModels", [_shown(*one) for one in publishers.listed(call.sandbox).items()])


@method(_METHODS + "get")
def get(call: Call) -> Json:
    """One model."""
    model = publishers.base_name(call.params["name"])
    stages = publishers.listed(call.sandbox)
    if model not in stages:
        raise not_found(f"Publisher Model `{call.params['name']}` is not found.")
    return _shown(model, stages[model])


def _shown(model: str, stage: str) -> Json:
    return {
        "name": f"{_GOOGLE}/models/{model}",
        "versionId": "default",
        "openSourceCategory": "PROPRIETARY",
        "launchStage": stage,
        "publisherModelTemplate": f"projects/{{user-project}}/locations/{{location}}/{_GOOGLE}/models/{model}@default",
    }
