"""Provisioned Throughput of the managed API: what was bought is used first, beyond it a request is paid as it goes.

Source: cloud.google.com/vertex-ai/generative-ai/docs/{use-provisioned-throughput, error-code-429}. It is bought by an
order, not by this API: here the settings say how many tokens a second were. Simpler than Google: every token counts
the same, and a period of 30 seconds, the longest that Google names, begins with the clock.
"""

from sandbox.errors import GoogleError
from sandbox.registry import Call
from sandbox.services.aiplatform.answers import Reply
from sandbox.services.aiplatform.names import Name

HEADER = "x-vertex-ai-llm-request-type"
_PERIOD_SECONDS = 30


def traffic_type(call: Call, where: Name, model: str, reply: Reply) -> str:
    """Counts a request that `reply` answers; says of which kind it is, as `usageMetadata.trafficType` does.

    Raises:
        GoogleError: 429 where the request asks for purchased throughput alone, and there is none left.
    """
    asked = call.headers.get(HEADER, "").lower()
    if asked == "shared":
        return "ON_DEMAND"
    bought = call.sandbox.settings.provisioned_throughput.get(where.location, {}).get(model, 0) * _PERIOD_SECONDS
    period = int(call.sandbox.clock.now() // _PERIOD_SECONDS)
    used: dict[tuple[str, str, str], tuple[int, int]] = call.sandbox.memory.setdefault("provisioned throughput", {})
    key = (where.project, where.location, model)
    since, tokens = used.get(key, (period, 0))
    tokens = (tokens if since == period else 0) + reply.prompt_tokens + reply.tokens
    if tokens <= bought:
        used[key] = (period, tokens)
        return "PROVISIONED_THROUGHPUT"
    if asked == "dedicated":
        raise GoogleError(429, "RESOURCE_EXHAUSTED", "Too many requests. Exceeded the Provisioned Throughput.")
    return "ON_DEMAND"
