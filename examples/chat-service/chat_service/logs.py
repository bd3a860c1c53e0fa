"""Logs as one JSON object a line, as Cloud Logging reads a container's output. No prompt and no answer is logged."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

LOG = logging.getLogger("chat_service")
# Fields of their own in the line: those of gemini_client's events, and `chat`, which this service adds.
_OF_EVENTS = ("gemini_event", "gemini_route", "gemini_state", "gemini_to", "gemini_code", "gemini_wait")


class JsonLines(logging.Formatter):
    """A record as Cloud Logging's LogEntry fields `severity`, `message` and `time`, and what else is known of it.

    Source: cloud.google.com/logging/docs/structured-logging.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "severity": record.levelname,
            "message": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
        }
        line |= {name: value for name in _OF_EVENTS if (value := getattr(record, name, None))}
        line |= getattr(record, "chat", {})
        if record.exc_info:
            # Google Cloud's Error Reporting takes a stack trace from here.
            line["stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def begin() -> None:
    """Has every logger of this process write JSON lines to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # httpx logs each request's address, google-genai what it is given.
    for chatty in ("httpx", "httpcore", "google_genai"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def record(message: str, level: int = logging.INFO, **fields: Any) -> None:
    """Logs a message with fields of its own; those that are None or empty are left out."""
    known = {name: value for name, value in fields.items() if value not in (None, "")}
    LOG.log(level, message, extra={"chat": known})
