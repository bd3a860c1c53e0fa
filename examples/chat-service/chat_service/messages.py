"""The body of POST /v1/chat."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Text = Annotated[str, Field(min_length=1)]


class Message(BaseModel):
    """One turn of the conversation."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["user", "model"]
    text: Text


class Chat(BaseModel):
    """A conversation that the model is to go on with.

    Attributes:
        messages: its turns, oldest first; the last one is the user's.
        session: any name of the conversation: while weights allow, the same one keeps to the same route.
        system: instruction to the model.
    """

    model_config = ConfigDict(extra="forbid")

    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    session: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    system: Text | None = None

    @model_validator(mode="after")
    def _ends_with_the_user(self) -> "Chat":
        if self.messages[-1].role != "user":
            raise ValueError("the last message must be the user's")
        return self

    def contents(self) -> list[Any]:
        """The turns as google-genai takes them."""
        return [{"role": message.role, "parts": [{"text": message.text}]} for message in self.messages]

    def config(self) -> dict[str, Any]:
        """What is set beside gemini_client's defaults."""
        return {"system_instruction": self.system} if self.system else {}


def mistakes(error: ValidationError) -> str:
    """A sentence that names each field that is wrong, and repeats nothing of what was sent."""
    found = []
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        place = ".".join(str(part) for part in each["loc"])
        found.append(f"{place}: {each['msg']}" if place else str(each["msg"]))
    return f"The body is no chat ({'; '.join(found)})."
