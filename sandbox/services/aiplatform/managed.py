"""Gemini itself, with no endpoint: publishers/google/models/X:generateContent, streamGenerateContent, countTokens."""

from sandbox import api_keys
from sandbox.errors import Json
from sandbox.registry import Call, Stream, method, not_imitated
from sandbox.services.aiplatform import generation, publishers, throughput
from sandbox.services.aiplatform.answers import Reply
from sandbox.services.aiplatform.names import Name, parse

_METHODS = "aiplatform.projects.locations.publishers.models."
_EXPRESS = "aiplatform.publishers.models."


def _model(call: Call, parameter: str) -> tuple[str, Name]:
    """The model that is called, and where."""
    name = call.params[parameter]
    model = publishers.base_name(name)
    if not model:
        raise not_imitated(call, f"the publisher of {name}")
    if name.startswith("publishers/"):
        # Express mode: an API key instead of a project and a location, which are then the key's project's and global.
        project = api_keys.project(call, "Vertex AI API")["projectId"]
        name = f"projects/{project}/locations/global/{name}"
    where = parse(call.sandbox, name)
    publishers.require(call.sandbox, model, where)
    return model, where


def _answer(call: Call) -> tuple[Reply, str, str]:
    """What the model says, its name, and the quota that the request uses."""
    model, where = _model(call, "model")
    reply = generation.reply_to(call.body, model)
    return reply, model, throughput.traffic_type(call, where, model, reply)


@method(_METHODS + "generateContent", _EXPRESS + "generateContent")
def generate(call: Call) -> Json:
    """The whole answer."""
    return generation.response(call.sandbox, *_answer(call))


@method(_METHODS + "streamGenerateContent", _EXPRESS + "streamGenerateContent")
def stream(call: Call) -> Stream:
    """The answer in pieces."""
    return Stream(generation.chunks(call.sandbox, *_answer(call)))


@method(_METHODS + "countTokens", _EXPRESS + "countTokens")
def count(call: Call) -> Json:
    """How long a prompt is."""
    _model(call, "endpoint")
    return generation.count(call.body)
