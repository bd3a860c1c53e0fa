"""publishers.models.get: what Google says of one of its own models."""

from sandbox import registry
from sandbox.errors import Json, not_found
from sandbox.registry import Call, method
from sandbox.services.aiplatform import publishers


@method("aiplatform.publishers.models.get")
def get_publisher_model(call: Call) -> Json:
    """A Gemini by its id; 404 for one that never was, or is retired."""
    name = call.params["name"]
    model = publishers.base_name(name.partition("@")[0])
    if not model:
        raise registry.not_imitated(call, f"the publisher of {name}")
    if not publishers.is_served(call.sandbox, model):
        raise not_found(f"Publisher Model `{name}` is not found.")
    preview = "-preview" in model or "-exp" in model
    return {
        "name": f"publishers/google/models/{model}",
        "versionId": "default",
        "openSourceCategory": "PROPRIETARY",
        "launchStage": "PUBLIC_PREVIEW" if preview else "GA",
        "versionState": "VERSION_STATE_UNSTABLE" if preview else "VERSION_STATE_STABLE",
        "publisherModelTemplate": f"projects/{{project}}/locations/{{location}}/publishers/google/models/{model}",
    }
