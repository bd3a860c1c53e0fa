"""Runs the whole program, `__main__.py`, under mocks."""

import json
import runpy
from pathlib import Path
from typing import Any

import pulumi
import yaml

from tests.unit.recorder import Recorder, record

ROOT = Path(__file__).resolve().parents[2]


def stack_file(stack: str) -> dict[str, Any]:
    """The configuration in Pulumi.STACK.yaml, for a project and with base Gemini let through."""
    document = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    config: dict[str, Any] = document["config"]
    return {"gcp:project": "my-project", "vertex-serving:allowBaseGemini": "true", **config}


def run_program(
    config: dict[str, Any], stack: str = "prod", preview: bool = False, secrets: tuple[str, ...] = ()
) -> Recorder:
    """What the program registers and exports for `config`, whose keys in `secrets` hold a secret."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}

    def program() -> None:
        pulumi.runtime.set_all_config(texts, list(secrets))
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    return record(program, preview=preview, stack=stack)
