"""What the environment says about the service itself; gemini_client reads the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


class SettingsError(Exception):
    """A variable is wrong; the sentence names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The service's settings.

    Attributes:
        host: address to listen on (HOST); loopback unless the container says otherwise.
        port: (PORT).
        most_streams: answers under way at a time (CHAT_MOST_STREAMS); more are refused with 503.
        most_bytes: of a request's body (CHAT_MOST_BYTES); more is refused with 413.
        stop_seconds: that answers under way may still take after SIGTERM (CHAT_STOP_SECONDS).
        ping_seconds: without a text after which a comment is sent, so that proxies keep the connection
            (CHAT_PING_SECONDS).
    """

    host: str = "127.0.0.1"
    port: int = 8080
    most_streams: int = 64
    most_bytes: int = 1_000_000
    stop_seconds: int = 25
    ping_seconds: float = 15.0

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """The settings of these variables; what is not set, or empty, has its default.

        Raises:
            SettingsError: a variable is no whole number in its bounds.
        """

        usual = cls()

        def number(name: str, default: float, least: int, most: int) -> int:
            text = environment.get(name) or str(int(default))
            if not text.isdecimal() or not least <= int(text) <= most:
                raise SettingsError(f"{name}: {text!r} is no whole number from {least} to {most}.")
            return int(text)

        return cls(
            host=environment.get("HOST") or usual.host,
            port=number("PORT", usual.port, 1, 65535),
            most_streams=number("CHAT_MOST_STREAMS", usual.most_streams, 1, 10_000),
            most_bytes=number("CHAT_MOST_BYTES", usual.most_bytes, 1, 50_000_000),
            stop_seconds=number("CHAT_STOP_SECONDS", usual.stop_seconds, 0, 3600),
            ping_seconds=number("CHAT_PING_SECONDS", usual.ping_seconds, 1, 3600),
        )
