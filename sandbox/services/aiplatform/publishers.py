"""Which of Google's own models exist, by name and date.

Source: docs.cloud.google.com/gemini-enterprise-agent-platform/models/model-versions, and for the 2.0 models the
collected facts of 2026-11-23. Retirement dates of older generations are by prefix.
"""

import functools
import re
from datetime import UTC, datetime
from pathlib import Path

import yaml

from sandbox.core import Sandbox
from sandbox.errors import not_found
from sandbox.services.aiplatform.names import Name

_RETIRED = {
    r"gemini-1\..*": "2025-09-24",
    r"gemini-2\.0-.*": "2026-06-01",
    r"gemini-2\.5-(pro|flash|flash-lite)": "2026-10-20",
    r"gemini-3-pro-preview": "2026-03-09",
    r"gemini-3\.1-flash-lite-preview": "2026-05-25",
}


def base_name(name: str) -> str:
    """The id of a Google publisher model in any of the forms that it is given in, or ""."""
    found = re.fullmatch(r"(?:projects/[^/]+/locations/[^/]+/(?:models/)?)?publishers/google/models/([^/]+)", name)
    return found.group(1) if found else ""


def require(sandbox: Sandbox, model: str, where: Name) -> None:
    """Google's 404 for a model that never was, or that is retired by now."""
    if not is_served(sandbox, model):
        raise not_found(
            f"Publisher Model `{where.parent}/publishers/google/models/{model}` was not found or your project does not"
            " have access to it. Please ensure you are using a valid model version. For more information, see:"
            " https://cloud.google.com/vertex-ai/generative-ai/docs/learn/model-versions"
        )


def is_served(sandbox: Sandbox, model: str) -> bool:
    """Whether Google serves a model of this id today."""
    return model in listed(sandbox)


def listed(sandbox: Sandbox) -> dict[str, str]:
    """The launch stage by id, of those that are not retired: Google's list, and what the settings add."""
    stages = {**_google(), **sandbox.settings.publisher_models}
    return {model: stage for model, stage in stages.items() if not _retired(sandbox, model)}


@functools.cache
def _google() -> dict[str, str]:
    file = Path(__file__).with_name("publisher_models.yaml")
    found: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def _retired(sandbox: Sandbox, model: str) -> bool:
    today = datetime.fromtimestamp(sandbox.clock.now(), UTC).date().isoformat()
    return any(re.fullmatch(pattern, model) and date <= today for pattern, date in _RETIRED.items())
