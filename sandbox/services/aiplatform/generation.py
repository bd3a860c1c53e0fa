"""Requests and answers of generateContent, whoever serves them.

Rules: the descriptions of Content and GenerationConfig (discovery). Words: "a valid role" langchain-ai/langchain-google
#1059, "parts field" #903 there, "supported range" stackblitz-labs/bolt.diy#955; the bounds of candidateCount are those
of docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference.
"""

from collections.abc import AsyncIterator

from sandbox.core import Sandbox
from sandbox.errors import Json, invalid_argument
from sandbox.services.aiplatform import answers
from sandbox.services.aiplatform.answers import Reply
from sandbox.services.aiplatform.names import new_id, required

_RANGES: dict[str, tuple[float, float]] = {
    "temperature": (0, 2.0),
    "topP": (0, 1.0),
    "maxOutputTokens": (1, 65536),
    "candidateCount": (1, 8),
}


def reply_to(body: Json, speaker: str) -> Reply:
    """What `speaker` answers to a GenerateContentRequest: to the text of its last user turn."""
    contents = body.get("contents")
    if not contents:
        raise required("contents")
    _check(body)
    limit = body.get("generationConfig", {}).get("maxOutputTokens", 0)
    turns = [content for content in contents if content.get("role", "user") == "user"]
    result = answers.reply(text_of((turns or contents)[-1]), speaker, limit)
    everything = [*contents, *([body["systemInstruction"]] if body.get("systemInstruction") else [])]
    prompt_tokens = sum(answers.tokens(text_of(content)) for content in everything)
    candidates = body.get("generationConfig", {}).get("candidateCount", 1)
    return Reply(result.text, prompt_tokens, result.tokens, result.truncated, candidates)


def _check(body: Json) -> None:
    instruction = [body["systemInstruction"]] if body.get("systemInstruction") else []
    for content in body["contents"]:
        # "function" is in no description, and Google takes it (langchain-ai/langchain-google#1059).
        if content.get("role", "user") not in ("user", "model", "function"):
            raise invalid_argument("Please use a valid role: user, model.")
    if not all(content.get("parts") and all(content["parts"]) for content in [*body["contents"], *instruction]):
        raise invalid_argument(
            "Unable to submit request because it must include at least one parts field, which describes the prompt"
            " input. Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
        )
    for field, (least, most) in _RANGES.items():
        value = body.get("generationConfig", {}).get(field)
        if value is not None and not least <= value <= most:
            upper = f"{most + 1} (exclusive)" if isinstance(most, int) else f"{most:g} (inclusive)"
            raise invalid_argument(
                f"Unable to submit request because it has a {field} value of {value} but the supported range is from"
                f" {least} (inclusive) to {upper}. Update the value and try again."
            )


def text_of(content: Json) -> str:
    """The text of a Content's parts."""
    return "".join(part.get("text", "") for part in content.get("parts", []))


def response(sandbox: Sandbox, reply: Reply, model_version: str, traffic: str = "ON_DEMAND") -> Json:
    """The whole answer as one GenerateContentResponse; `traffic` is the quota that it used."""
    return {
        "candidates": _candidates(reply.text, reply, _reason(reply)),
        "usageMetadata": _usage(reply, traffic),
        **_identity(sandbox, model_version),
    }


async def chunks(sandbox: Sandbox, reply: Reply, model_version: str, traffic: str = "ON_DEMAND") -> AsyncIterator[Json]:
    """The answer in pieces; the last one is empty and says why the stream ends and what it took, as Gemini's do."""
    identity = _identity(sandbox, model_version)
    for piece in reply.pieces():
        yield {"candidates": _candidates(piece, reply), **identity}
        await sandbox.clock.sleep(0)
    yield {"candidates": _candidates("", reply, _reason(reply)), "usageMetadata": _usage(reply, traffic), **identity}


def count(body: Json) -> Json:
    """The answer of countTokens to this request."""
    contents = body.get("contents", [])
    if not contents and not body.get("instances"):
        raise required("contents")
    texts = [text_of(content) for content in contents] + [str(instance) for instance in body.get("instances", [])]
    characters = sum(len("".join(text.split())) for text in texts)
    return {"totalTokens": sum(map(answers.tokens, texts)), "totalBillableCharacters": characters}


def _candidates(text: str, reply: Reply, reason: str = "") -> list[Json]:
    one = {"content": {"role": "model", "parts": [{"text": text}]}, **({"finishReason": reason} if reason else {})}
    # A proto does not tell an index of 0 from none.
    return [one, *({**one, "index": index} for index in range(1, reply.candidates))]


def _reason(reply: Reply) -> str:
    return "MAX_TOKENS" if reply.truncated else "STOP"


def _usage(reply: Reply, traffic: str) -> Json:
    return {
        "promptTokenCount": reply.prompt_tokens,
        "candidatesTokenCount": reply.tokens * reply.candidates,
        "totalTokenCount": reply.prompt_tokens + reply.tokens * reply.candidates,
        "trafficType": traffic,
    }


def _identity(sandbox: Sandbox, model_version: str) -> Json:
    return {"modelVersion": model_version, "createTime": sandbox.clock.stamp(), "responseId": new_id()}
