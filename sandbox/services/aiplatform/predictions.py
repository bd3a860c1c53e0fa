"""Predictions of endpoints: predict, rawPredict, directPredict, generateContent, countTokens and those that stream.

Each is served by one deployed model, drawn by the live split; the answer says which.
"""

import base64
import json
from collections.abc import AsyncIterator

from sandbox.errors import GoogleError, Json, failed_precondition, invalid_argument
from sandbox.registry import Call, Raw, Stream, method, not_imitated
from sandbox.services.aiplatform import answers, endpoints, generation, hosts, metrics, models, replicas
from sandbox.services.aiplatform.answers import Reply
from sandbox.services.aiplatform.metrics import HEADER
from sandbox.services.aiplatform.names import required

_METHODS = "aiplatform.projects.locations.endpoints."


def serving(call: Call, endpoint_name: str) -> Json:
    """The deployed model that serves this call; it is counted as its load, and named in the answer's header."""
    sandbox = call.sandbox
    name, endpoint = endpoints.find(sandbox, endpoint_name)
    hosts.check_prediction(call.sandbox, call.host, endpoint)
    hosts.check_size(call, endpoint)
    deployed: dict[str, Json] = {model["id"]: model for model in endpoint.get("deployedModels", [])}
    split = endpoint.get("trafficSplit", {})
    if endpoint.get("network") and deployed:
        split = dict.fromkeys(deployed, 100)
    if not split:
        raise failed_precondition(f"Endpoint {name} doesn't have traffic_split.")
    chosen = sandbox.random.choices(list(split), weights=list(split.values()))[0]
    call.response_headers[HEADER] = chosen
    metrics.sample(sandbox, endpoint, deployed[chosen])
    if replicas.available(sandbox, str(name), deployed[chosen]) == 0:
        asleep = replicas.target(sandbox, str(name), deployed[chosen]) == 0
        replicas.served(sandbox, str(name), chosen, woken=asleep)
        raise GoogleError(
            429, "RESOURCE_EXHAUSTED", f"DeployedModel {chosen} is scaled to zero and is being scaled up. Please retry."
        )
    replicas.served(sandbox, str(name), chosen)
    return deployed[chosen]


@method(_METHODS + "predict")
def predict(call: Call) -> Json:
    """One prediction an instance: {"content": text}."""
    deployed = serving(call, call.params["endpoint"])
    instances = call.body.get("instances")
    if not instances:
        raise required("instances")
    return {
        "predictions": predictions(instances, call.body.get("parameters"), deployed),
        "deployedModelId": deployed["id"],
        "model": deployed["model"],
        "modelDisplayName": models.display_name(call.sandbox, deployed),
        **({"modelVersionId": deployed["modelVersionId"]} if "modelVersionId" in deployed else {}),
    }


def predictions(instances: list[object], parameters: object, deployed: Json) -> list[Json]:
    """What the deployed model predicts for each instance; a limit is read from parameters.maxOutputTokens."""
    limit = parameters.get("maxOutputTokens", 0) if isinstance(parameters, dict) else 0
    limit = limit if isinstance(limit, int) else 0
    return [{"content": answers.reply(prompt_of(each), deployed["displayName"], limit).text} for each in instances]


def prompt_of(instance: object) -> str:
    """The prompt in an instance: a string, or its content, prompt or last message; else the instance itself."""
    if isinstance(instance, str):
        return instance
    if isinstance(instance, dict):
        messages = instance.get("messages")
        if isinstance(messages, list) and messages and isinstance(messages[-1], dict):
            instance = messages[-1]
        for field in ("content", "prompt", "text", "input"):
            if isinstance(instance.get(field), str):
                return str(instance[field])
    return json.dumps(instance)


@method(_METHODS + "explain")
def explain(call: Call) -> Json:
    """Refused: no model of the sandbox has an explanation spec."""
    name, endpoint = endpoints.find(call.sandbox, call.params["endpoint"])
    hosts.check_prediction(call.sandbox, call.host, endpoint)
    chosen = call.body.get("deployedModelId") or next(iter(endpoint.get("trafficSplit", {})), "")
    if not chosen:
        raise failed_precondition(f"Endpoint {name} doesn't have traffic_split.")
    raise failed_precondition(f"Deployed model {chosen} does not support explanation.")


@method(_METHODS + "rawPredict")
def raw_predict(call: Call) -> Raw:
    """What the model's own server answers: predictions for instances, a chat completion for messages."""
    deployed = serving(call, call.params["endpoint"])
    return Raw(json.dumps(_own_answer(call, deployed)).encode())


@method(_METHODS + "directPredict")
def direct_predict(call: Call) -> Json:
    """Tensors for tensors: the answer to each string of an input."""
    deployed = serving(call, call.params["endpoint"])
    inputs = call.body.get("inputs")
    if not inputs:
        raise required("inputs")
    if not all(tensor.get("stringVal") for tensor in inputs):
        raise not_imitated(call, "a tensor without string_val, which the sandbox's models do not read,")
    outputs = []
    for tensor in inputs:
        texts = [answers.reply(prompt, deployed["displayName"]).text for prompt in tensor["stringVal"]]
        outputs.append({"dtype": "STRING", "shape": [str(len(texts))], "stringVal": texts})
    return {"outputs": outputs}


@method(_METHODS + "directRawPredict")
def direct_raw_predict(call: Call) -> Json:
    """Bytes for bytes: the answer to a prompt in UTF-8, whatever method of the model's server is named."""
    deployed = serving(call, call.params["endpoint"])
    try:
        prompt = base64.b64decode(call.body.get("input", "")).decode()
    except UnicodeDecodeError:
        raise invalid_argument("The input is no UTF-8, which is all that the sandbox's models read.") from None
    reply = answers.reply(prompt, deployed["displayName"])
    return {"output": base64.b64encode(reply.text.encode()).decode()}


@method(_METHODS + "streamRawPredict")
def stream_raw_predict(call: Call) -> Raw:
    """The same as server-sent events."""
    deployed = serving(call, call.params["endpoint"])
    reply = _raw_reply(call, deployed)
    return Raw(_events(reply, deployed), "text/event-stream")


@method(_METHODS + "chat.completions")
def chat(call: Call) -> Raw:
    """OpenAI's chat completions, as Model Garden's open models answer them."""
    deployed = serving(call, call.params["endpoint"])
    body = _object(call)
    if not body.get("messages"):
        raise required("messages")
    if body.get("stream"):
        return Raw(_events(_raw_reply(call, deployed), deployed), "text/event-stream")
    return Raw(json.dumps(_own_answer(call, deployed)).encode())


def _object(call: Call) -> Json:
    try:
        body = json.loads(call.raw_body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise invalid_argument("The body is no JSON object, which is all that the sandbox's models read.")
    return body


def _raw_reply(call: Call, deployed: Json) -> Reply:
    body = _object(call)
    instances = body.get("instances")
    limit = body.get("max_tokens", 0)
    prompt = prompt_of(instances[0] if isinstance(instances, list) and instances else body)
    return answers.reply(prompt, deployed["displayName"], limit if isinstance(limit, int) else 0)


def _own_answer(call: Call, deployed: Json) -> Json:
    body = _object(call)
    if isinstance(body.get("instances"), list):
        return {
            "predictions": predictions(body["instances"], body.get("parameters"), deployed),
            "deployedModelId": deployed["id"],
        }
    reply = _raw_reply(call, deployed)
    message = {"role": "assistant", "content": reply.text}
    return {
        "object": "chat.completion",
        "model": deployed["displayName"],
        "choices": [{"index": 0, "message": message, "finish_reason": "length" if reply.truncated else "stop"}],
        "usage": {
            "prompt_tokens": reply.prompt_tokens,
            "completion_tokens": reply.tokens,
            "total_tokens": reply.prompt_tokens + reply.tokens,
        },
    }


async def _events(reply: Reply, deployed: Json) -> AsyncIterator[bytes]:
    for piece in reply.pieces():
        delta = {"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}
        chunk = {"object": "chat.completion.chunk", "model": deployed["displayName"], "choices": [delta]}
        yield b"data: " + json.dumps(chunk).encode() + b"\n\n"
    end = {"index": 0, "delta": {}, "finish_reason": "length" if reply.truncated else "stop"}
    chunk = {"object": "chat.completion.chunk", "model": deployed["displayName"], "choices": [end]}
    yield b"data: " + json.dumps(chunk).encode() + b"\n\ndata: [DONE]\n\n"


@method(_METHODS + "generateContent")
def generate(call: Call) -> Json:
    """The whole answer of the model that the split chose."""
    deployed = serving(call, call.params["model"])
    return generation.response(call.sandbox, _reply(call, deployed), _version(deployed))


@method(_METHODS + "streamGenerateContent")
def stream(call: Call) -> Stream:
    """The same in pieces, server-sent events with alt=sse and else one JSON array."""
    deployed = serving(call, call.params["model"])
    return Stream(generation.chunks(call.sandbox, _reply(call, deployed), _version(deployed)))


@method(_METHODS + "countTokens")
def count(call: Call) -> Json:
    """How long a prompt is; no model serves it, so it is no load."""
    _, endpoint = endpoints.find(call.sandbox, call.params["endpoint"])
    hosts.check_prediction(call.sandbox, call.host, endpoint)
    return generation.count(call.body)


def _reply(call: Call, deployed: Json) -> Reply:
    return generation.reply_to(call.body, deployed["displayName"])


def _version(deployed: Json) -> str:
    return str(deployed["model"]).rpartition("/")[2]
