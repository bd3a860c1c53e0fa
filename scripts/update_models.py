"""Is models.yaml still what Google serves? Asks the Vertex AI API, with the caller's credentials, and compares.

    python scripts/update_models.py             prints what is new, gone, retired or at another stage
    python scripts/update_models.py --write     and writes into models.yaml what can be known

The API (publishers.models.list, v1beta1: Model Garden) tells ids and launch stages, but no dates and no successors.
What a person has to look up is marked FILL, beside the entry.

Exit status: 0 if nothing differs, 1 if something does (or did, with --write), 2 if Google could not be asked.
"""

import argparse
import datetime as dt
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from model_catalogue import Catalogue, Lifecycle, gemini_id
from scripts import serving
from scripts.workspace import ROOT

FILE: Final = ROOT / "models.yaml"
HOST: Final = "aiplatform.googleapis.com"
LIFECYCLES: Final[Mapping[str, Lifecycle]] = {
    "GA": "stable",
    "PUBLIC_PREVIEW": "preview",
    "PRIVATE_PREVIEW": "experimental",
    "EXPERIMENTAL": "experimental",
}
# Ids that are no model to ask: embeddings have another API.
_OTHERS = re.compile(r"gemini-embedding.*")
_ENTRY = re.compile(r"  (?P<id>gemini-[^:\s]+): \{(?P<fields>[^}]*)\}(?P<comment>\s+#.*)?")
_FILL = "# FILL: "


@dataclass(frozen=True)
class Difference:
    """One id on which models.yaml and Google's list differ; `lifecycle` is the listed one, where it is listed."""

    kind: Literal["new", "gone", "retired", "still listed", "stage"]
    model: str
    text: str
    lifecycle: Lifecycle | None = None


def listed(project: str | None = None) -> dict[str, Lifecycle]:
    """Google's Gemini models by id, with the lifecycle that their launch stage stands for.

    Args:
        project: the project that is billed for the quota; default: that of the credentials, if they have one.

    Raises:
        serving.SmokeError: Google refused, or could not be reached.
    """
    import google.auth.transport.requests

    session = google.auth.transport.requests.AuthorizedSession(serving.credentials())
    if project:
        session.headers["x-goog-user-project"] = project
    url = f"{serving.host_url(HOST)}/v1beta1/publishers/google/models"
    found: dict[str, Lifecycle] = {}
    token = ""
    while True:
        page = serving.call(session, "GET", url, params={"pageSize": "100", **({"pageToken": token} if token else {})})
        for model in page.get("publisherModels", []):
            gemini = gemini_id(model["name"].partition("@")[0])
            lifecycle = LIFECYCLES.get(model.get("launchStage", ""))
            if gemini and lifecycle and not _OTHERS.fullmatch(gemini):
                found[gemini] = lifecycle
        token = page.get("nextPageToken", "")
        if not token:
            return found


def compare(catalogue: Catalogue, google: Mapping[str, Lifecycle], today: dt.date) -> list[Difference]:
    """What `catalogue` and Google's list say differently on `today`, by id."""
    found = []
    for model, lifecycle in google.items():
        known = catalogue.models.get(model)
        if known is None:
            found.append(Difference("new", model, f"is listed as {lifecycle}, and not in models.yaml", lifecycle))
        elif known.lifecycle_on(today) == "retired":
            text = f"is retired since {known.retirement}, yet listed as {lifecycle}"
            found.append(Difference("still listed", model, text, lifecycle))
        elif known.lifecycle != lifecycle:
            text = f"is listed as {lifecycle}, in models.yaml it is {known.lifecycle}"
            found.append(Difference("stage", model, text, lifecycle))
    for model, known in catalogue.models.items():
        if model in google or known.lifecycle in ("retired", "experimental"):
            continue
        if known.lifecycle_on(today) == "retired":
            found.append(Difference("retired", model, f"is retired since {known.retirement}"))
        else:
            found.append(Difference("gone", model, f"is {known.lifecycle} in models.yaml, and not listed any more"))
    return sorted(found, key=lambda difference: difference.model)


def rewritten(text: str, differences: Sequence[Difference], today: dt.date) -> str:
    """models.yaml with what can be known written into it, and FILL where a person has to look something up."""
    by_model = {difference.model: difference for difference in differences}
    lines = []
    for line in text.splitlines():
        entry = _ENTRY.fullmatch(line)
        change = by_model.get(entry["id"]) if entry else None
        lines.append(_changed(line, change, today) if change else line)
        if line == "models:":
            lines += [_added(each) for each in differences if each.kind == "new"]
    dated = [line for line in lines if not line.startswith("listedOn: ")]
    dated.insert(next(n for n, line in enumerate(dated) if line.startswith("asOf: ")) + 1, f"listedOn: {today}")
    return "\n".join(dated) + "\n"


def _added(new: Difference) -> str:
    todo = "release, retirement, source" if new.lifecycle == "stable" else "release, successor, source"
    return f"  {new.model}: {{lifecycle: {new.lifecycle}, source: listed}} {_FILL}{todo}"


def _changed(line: str, change: Difference, today: dt.date) -> str:
    if change.kind == "retired":
        return re.sub(r"lifecycle: \w+", "lifecycle: retired", line)
    if _FILL in line:
        return line
    if change.kind == "stage":
        line = re.sub(r"lifecycle: \w+", f"lifecycle: {change.lifecycle}", line)
        return f"{line} {_FILL}dates and source of the new stage, listed on {today}"
    if change.kind == "gone":
        return f"{line} {_FILL}not listed on {today}: lifecycle, retirement, successor"
    return f"{line} {_FILL}still listed on {today}: lifecycle, retirement"


def main(argv: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Compares models.yaml with the Gemini models that Google lists.")
    parser.add_argument("--write", action="store_true", help="write what can be known into models.yaml")
    parser.add_argument("--file", type=Path, default=FILE, help="another models.yaml")
    parser.add_argument("--project", help="project whose quota is used (default: the credentials')")
    args = parser.parse_args(argv)
    today = dt.datetime.now(dt.UTC).date()
    try:
        google = listed(args.project)
    except serving.SmokeError as error:
        print(f"update_models: {error}", file=sys.stderr)
        return 2
    differences = compare(Catalogue.read(args.file), google, today)
    for difference in differences:
        print(f"{difference.kind}: {difference.model} {difference.text}")
    if args.write:
        text = rewritten(args.file.read_text(encoding="utf-8"), differences, today)
        args.file.write_text(text, encoding="utf-8")
        if left := [number for number, line in enumerate(text.splitlines(), start=1) if _FILL in line]:
            print(f"{args.file.name}: look up what is marked FILL, on line {', '.join(map(str, left))}; then set asOf.")
    elif not differences:
        print(f"models.yaml is what Google lists on {today}: {len(google)} Gemini models.")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
