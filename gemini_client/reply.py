"""What a call gives back."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the API counted them, None where it did not say.

    Attributes:
        input_tokens: of the prompt.
        output_tokens: of the answer, without the thoughts.
        thoughts_tokens: spent on thinking.
        cached_tokens: of the prompt, taken from a cache.
        total_tokens: all of them.
        traffic_type: "ON_DEMAND" or "PROVISIONED_THROUGHPUT", "" where it is not said.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    thoughts_tokens: int | None = None
    cached_tokens: int | None = None
    total_tokens: int | None = None
    traffic_type: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of an answer, whoever gave it; an answer that is not streamed is one piece.

    Attributes:
        text: of the first candidate, thoughts left out.
        response: google-genai's GenerateContentResponse, or the JSON of own and open models.
        finish_reason: "STOP", "MAX_TOKENS" … in the last piece.
        usage: where the piece has it.
        model: that answered, "" where it is not said.
        deployed_model: name, or else id, of the deployed model that answered; "" for managed models.
        has_content: whether there is anything in it but the end: text, a function call, an image.
    """

    text: str = ""
    response: Any = None
    finish_reason: str = ""
    usage: Usage | None = None
    model: str = ""
    deployed_model: str = ""
    has_content: bool = False


@dataclass(slots=True)
class Reply:
    """A whole answer.

    Attributes:
        text: of the first candidate, thoughts left out.
        finish_reason: "STOP", "MAX_TOKENS", "SAFETY" …, "" where the model's server does not say.
        usage: tokens as the API counted them.
        model: that answered, as the API calls it; what was asked for where it does not say.
        route: name of the route that answered; "developer-api" for the Gemini Developer API.
        deployed_model: of an endpoint: name (else id) of the deployed model that answered.
        response: google-genai's GenerateContentResponse or the JSON of own models; of a stream, its last piece.
    """

    text: str = ""
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    route: str = ""
    deployed_model: str = ""
    response: Any = None

    def add(self, chunk: Chunk) -> None:
        """Takes one more piece in."""
        self.text += chunk.text
        self.finish_reason = chunk.finish_reason or self.finish_reason
        self.usage = chunk.usage or self.usage
        self.model = chunk.model or self.model
        self.deployed_model = chunk.deployed_model or self.deployed_model
        self.response = chunk.response if chunk.response is not None else self.response
