"""Requests and answers of generateContent, whoever serves them."""

from collections.abc import AsyncIterator

from sandbox.core import Sandbox
from sandbox.errors import Json
from sandbox.services.aiplatform import answers
from sandbox.services.aiplatform.answers import Reply
from sandbox.services.aiplatform.names import new_id, required


def reply_to(body: Json, speaker: str) -> Reply:
    """What `speaker` answers to a GenerateContentRequest: to the text of its last user turn."""
    contents = body.get("contents")
    if not contents:
        raise required("contents")
    limit = body.get("generationConfig", {}).get("maxOutputTokens", 0)
    turns = [content for content in contents if content.get("role", "user") == "user"]
    result = answers.reply(text_of((turns or contents)[-1]), speaker, limit)
    everything = [*contents, *([body["systemInstruction"]] if body.get("systemInstruction") else [])]
    prompt_tokens = sum(answers.tokens(text_of(content)) for content in everything)
    return Reply(result.text, prompt_tokens, result.tokens, result.truncated)


def text_of(content: Json) -> str:
    """The text of a Content's parts."""
    return "".join(part.get("text", "") for part in content.get("parts", []))


def response(sandbox: Sandbox, reply: Reply, model_version: str, traffic: str = "ON_DEMAND") -> Json:
    """The whole answer as one GenerateContentResponse; `traffic` is the quota that it used."""
    return {
        "candidates": [_candidate(reply.text, reply)],
        "usageMetadata": _usage(reply, traffic),
        **_identity(sandbox, model_version),
    }


async def chunks(sandbox: Sandbox, reply: Reply, model_version: str, traffic: str = "ON_DEMAND") -> AsyncIterator[Json]:
    """The answer in pieces; the last one is empty and says why the stream ends and what it took, as Gemini's do."""
    identity = _identity(sandbox, model_version)
    for piece in reply.pieces():
        content = {"role": "model", "parts": [{"text": piece}]}
        yield {"candidates": [{"content": content}], **identity}
        await sandbox.clock.sleep(0)
    yield {"candidates": [_candidate("", reply)], "usageMetadata": _usage(reply, traffic), **identity}


def count(body: Json) -> Json:
    """The answer of countTokens to this request."""
    contents = body.get("contents", [])
    if not contents and not body.get("instances"):
        raise required("contents")
    texts = [text_of(content) for content in contents] + [str(instance) for instance in body.get("instances", [])]
    characters = sum(len("".join(text.split())) for text in texts)
    return {"totalTokens": sum(map(answers.tokens, texts)), "totalBillableCharacters": characters}


def _candidate(text: str, reply: Reply) -> Json:
    reason = "MAX_TOKENS" if reply.truncated else "STOP"
    return {"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": reason}


def _usage(reply: Reply, traffic: str) -> Json:
    return {
        "promptTokenCount": reply.prompt_tokens,
        "candidatesTokenCount": reply.tokens,
        "totalTokenCount": reply.prompt_tokens + reply.tokens,
        "trafficType": traffic,
    }


def _identity(sandbox: Sandbox, model_version: str) -> Json:
    return {"modelVersion": model_version, "createTime": sandbox.clock.stamp(), "responseId": new_id()}
