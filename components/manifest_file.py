"""Manifests for someone else to apply: files that `pulumi up` writes, and a preview does not."""

from pathlib import Path

import pulumi


def write_manifest(path: Path, text: pulumi.Output[str]) -> None:
    """Write `text` to `path` once it is known; a file that says the same already is left alone."""
    if not pulumi.runtime.is_dry_run():
        text.apply(lambda known: _write(path, known))


def _write(path: Path, text: str) -> None:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
