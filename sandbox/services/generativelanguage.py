"""generativelanguage v1beta, the Gemini Developer API: Gemini by API key, which the article falls back to.

Sources: google/ai/generativelanguage/v1beta of googleapis/googleapis; ai.google.dev/gemini-api/docs/troubleshooting.
Which models there are is taken from Vertex AI's list.
"""

from typing import cast

from sandbox import api_keys, discovery, schema
from sandbox.discovery import Document
from sandbox.errors import Json, not_found
from sandbox.registry import Call, Stream, method
from sandbox.services.aiplatform import generation, publishers

_METHODS = "generativelanguage.models."


def _model(call: Call) -> str:
    api_keys.project(call, _document(call).title)
    model = call.params["model"].removeprefix("models/")
    if not publishers.is_served(call.sandbox, model):
        raise not_found(
            f"models/{model} is not found for API version {call.version}, or is not supported for {call.method.name}."
            " Call ListModels to see the list of available models and their supported methods."
        )
    return model


def _document(call: Call) -> Document:
    return cast(Document, discovery.load(call.service, call.version))


def _fitting(call: Call, answer: Json) -> Json:
    """The answer without what only Vertex AI says."""
    return schema.fitting(_document(call), "GenerateContentResponse", answer)


@method(_METHODS + "generateContent")
def generate(call: Call) -> Json:
    """The whole answer."""
    model = _model(call)
    return _fitting(call, generation.response(call.sandbox, generation.reply_to(call.body, model), model))


@method(_METHODS + "streamGenerateContent")
def stream(call: Call) -> Stream:
    """The answer in pieces."""
    model = _model(call)
    chunks = generation.chunks(call.sandbox, generation.reply_to(call.body, model), model)
    return Stream(_fitting(call, chunk) async for chunk in chunks)


@method(_METHODS + "countTokens")
def count(call: Call) -> Json:
    """How long a prompt is."""
    _model(call)
    inner = call.body.get("generateContentRequest")
    counted = generation.count(call.body if inner is None else inner)
    return {"totalTokens": counted["totalTokens"]}
