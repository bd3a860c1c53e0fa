"""Requests and answers of own and open models: predict's instances, and OpenAI's chat completions."""

import json
from collections.abc import Mapping
from typing import Any

from google.genai import _transformers, types

from gemini_client.errors import ConfigurationError
from gemini_client.reply import Chunk, Usage
from gemini_client.request import Request
from gemini_client.routes import CHAT_COMPLETIONS

Json = dict[str, Any]
_FINISH = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_output_tokens": "maxOutputTokens",
    "stop_sequences": "stopSequences",
    "seed": "seed",
}
# What google-genai and this package read themselves.
_OF_GENAI = {"system_instruction", "http_options", "automatic_function_calling"}
_CHAT = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_tokens",
    "stop_sequences": "stop",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "candidate_count": "n",
}


def body(request: Request, api: str, route: str) -> Json:
    """The body for a route whose API is not generateContent.

    A mapping as contents is the body itself, for containers with a form of their own. Else a text becomes
    `instances: [{"content": text}]` of predict, and texts of several turns become `messages` of chat completions.

    Raises:
        ConfigurationError: contents or config have what this API does not take.
    """
    contents = request.contents
    if isinstance(contents, Mapping) and not {"parts", "role", "text"} & set(contents):
        made = dict(contents)
    elif api == CHAT_COMPLETIONS:
        made = {"model": "", "messages": _messages(request, route), **_settings(request, _CHAT, api, route)}
    else:
        turns = _turns(contents, route)
        if len(turns) != 1 or request.config.system_instruction is not None:
            raise ConfigurationError(
                f"{route}: {api} takes one text, no conversation and no system instruction. Give the body itself, e.g."
                ' {"instances": [ … ]}, or use a route whose api is chatCompletions.'
            )
        settings = _settings(request, _PARAMETERS, api, route)
        made = {"instances": [{"content": turns[0][1]}], "parameters": settings}
    if request.stream:
        made["stream"] = True
        if "messages" in made:
            made.setdefault("stream_options", {"include_usage": True})
    return made


def _messages(request: Request, route: str) -> list[Json]:
    roles = {"model": "assistant"}
    messages = [{"role": roles.get(role, role), "content": text} for role, text in _turns(request.contents, route)]
    instruction = request.config.system_instruction
    if instruction is None:
        return messages
    text = "\n".join(text for _, text in _turns(instruction, route))
    return [{"role": "system", "content": text}, *messages]


def _turns(contents: Any, route: str) -> list[tuple[str, str]]:
    """Role and text of each turn; what google-genai accepts as contents is made so by google-genai."""
    if isinstance(contents, str):
        return [("user", contents)]
    turns = []
    for content in _transformers.t_contents(contents):
        parts = content.parts or []
        if any(part.text is None for part in parts):
            raise ConfigurationError(f"{route} takes text only: contents have a part that is none.")
        turns.append((content.role or "user", "".join(part.text or "" for part in parts)))
    return turns


def _settings(request: Request, names: Mapping[str, str], api: str, route: str) -> Json:
    config = request.config
    given = {name for name in config.model_fields_set if getattr(config, name) is not None}
    if unknown := sorted(given - set(names) - _OF_GENAI):
        raise ConfigurationError(f"{route}: {api} does not take config.{', config.'.join(unknown)}.")
    return {names[name]: getattr(config, name) for name in names if name in given}


def chunk_of(found: Any, deployed: str) -> Chunk:
    """An answer, or a piece of a streamed one, of predict or chat completions; other JSON as its own text."""
    if not isinstance(found, dict):
        return Chunk(text=_text(found), response=found, deployed_model=deployed, has_content=True)
    usage = _usage(found["usage"]) if isinstance(found.get("usage"), dict) else None
    if isinstance(found.get("choices"), list):
        choice = found["choices"][0] if found["choices"] else {}
        message = choice.get("delta") or choice.get("message") or {}
        text = message.get("content") or choice.get("text") or ""
        reason = choice.get("finish_reason") or ""
        return Chunk(
            text=text,
            response=found,
            finish_reason=_FINISH.get(reason, reason.upper()),
            usage=usage,
            model=str(found.get("model") or ""),
            deployed_model=deployed,
            has_content=bool(text or message.get("tool_calls")),
        )
    predictions = found.get("predictions")
    text = _text(predictions[0]) if isinstance(predictions, list) and predictions else ""
    if predictions is None:
        text = json.dumps(found, ensure_ascii=False)
    model = str(found.get("modelDisplayName") or found.get("model") or "")
    return Chunk(text, found, usage=usage, model=model, deployed_model=deployed, has_content=bool(text))


def _text(prediction: Any) -> str:
    if isinstance(prediction, dict):
        for field in ("content", "text", "output", "generated_text"):
            if isinstance(prediction.get(field), str):
                return str(prediction[field])
    return prediction if isinstance(prediction, str) else json.dumps(prediction, ensure_ascii=False)


def _usage(found: Json) -> Usage:
    details = found.get("completion_tokens_details") or {}
    return Usage(
        input_tokens=found.get("prompt_tokens"),
        output_tokens=found.get("completion_tokens"),
        thoughts_tokens=details.get("reasoning_tokens"),
        total_tokens=found.get("total_tokens"),
    )


def as_gemini(chunk: Chunk) -> types.GenerateContentResponse:
    """The piece as google-genai's type, for chats; Gemini's own pieces are that already."""
    if isinstance(chunk.response, types.GenerateContentResponse):
        return chunk.response
    known = types.FinishReason.__members__
    finish = (known.get(chunk.finish_reason) or types.FinishReason.OTHER) if chunk.finish_reason else None
    content = types.Content(role="model", parts=[types.Part(text=chunk.text)])
    usage = chunk.usage
    metadata = usage and types.GenerateContentResponseUsageMetadata(
        prompt_token_count=usage.input_tokens,
        candidates_token_count=usage.output_tokens,
        total_token_count=usage.total_tokens,
    )
    return types.GenerateContentResponse(
        candidates=[types.Candidate(content=content, finish_reason=finish)],
        model_version=chunk.model or chunk.deployed_model or None,
        usage_metadata=metadata or None,
    )
