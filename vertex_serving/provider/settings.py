"""The provider's own configuration: `vertex-serving:allowBaseGemini` and `vertex-serving:customEndpoint`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from vertex_serving.provider.failures import Refused
from vertex_serving.provider.fields import Fields, Problem
from vertex_serving.provider.wire import UNKNOWN, Properties

_ADDRESS_VARIABLE = "GOOGLE_VERTEX_AI_CUSTOM_ENDPOINT"
_KEYS = ("allowBaseGemini", "customEndpoint")


@dataclass(frozen=True)
class Settings:
    """What the provider was configured with.

    Attributes:
        allow_base_gemini: Whether `publishers/google/models/gemini-*` may be deployed (Google refuses it).
        custom_endpoint: Address of the API, ending in its version and a slash; "" for Google's own.
    """

    allow_base_gemini: bool = False
    custom_endpoint: str = ""

    def address(self, region: str) -> str:
        """Return the base address of the API for a region, a multi-region or `global`, ending in its version."""
        if self.custom_endpoint:
            return self.custom_endpoint
        if region in ("us", "eu"):
            return f"https://aiplatform.{region}.rep.googleapis.com/v1/"
        return f"https://{'' if region == 'global' else region + '-'}aiplatform.googleapis.com/v1/"

    @classmethod
    def load(cls, config: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
        """Return the settings in checked configuration; what it lacks comes from the environment.

        Raises:
            Refused: A variable of the environment is wrong.
        """
        allow = config.get("allowBaseGemini")
        if allow is None:
            allow = environment.get("VERTEX_SERVING_ALLOW_BASE_GEMINI", "")
        custom = config.get("customEndpoint") or environment.get(_ADDRESS_VARIABLE, "")
        if custom and (wrong := _wrong_address(custom)):
            raise Refused(f"{_ADDRESS_VARIABLE} {wrong}.")
        return cls(
            allow_base_gemini=_truth(allow) is True,
            custom_endpoint=custom.rstrip("/") + "/" if custom else "",
        )


def check_config(config: Properties) -> tuple[Properties, list[Problem]]:
    """Check provider configuration; values may be text, as they are in a stack's configuration file."""
    fields = Fields(config, (*_KEYS, "version", "pluginDownloadURL"))
    allow = config.get("allowBaseGemini")
    if allow is not None and allow is not UNKNOWN and _truth(allow) is None:
        fields.wrong("allowBaseGemini", f"is {allow!r}; allowed: true, false")
    custom = fields.text("customEndpoint")
    if isinstance(custom, str) and (wrong := _wrong_address(custom)):
        fields.wrong("customEndpoint", wrong)
    fields.finish()
    return {key: value for key, value in config.items() if value is not None}, fields.problems


def _wrong_address(custom: str) -> str:
    """Return what is wrong with an address of the API, or ""."""
    try:
        address = urlsplit(custom)
        host = address.hostname
    except ValueError:
        host = None
    if not host or address.scheme not in ("http", "https"):
        return f"is {custom!r}; give an address like https://HOST/v1/"
    if address.path.rstrip("/").rpartition("/")[2] not in ("v1", "v1beta1"):
        return f"is {custom!r}; it must end in the API's version, like https://HOST/v1/"
    return ""


def _truth(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False, "": False}.get(str(value).lower())
