"""Keeps one comment of a pull request, or one issue, up to date. The workflows' half that may write.

    python scripts/github.py comment --file comment.md --head OWNER:BRANCH --sha SHA
    python scripts/github.py issue --file drift.md --marker '<!-- … -->' --title TITLE

Reads GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_API_URL, as GitHub Actions sets them. Standard library only, so
that the job that may write installs nothing.
"""

import argparse
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

COMMENT_MARKER: Final = "<!-- gemini-vertex preview -->"
LONGEST_BODY: Final = 65_000  # GitHub takes 65,536 characters
_PAGE = 100


class GitHubError(Exception):
    """GitHub refused a call; the message names the call, its status and GitHub's words."""


class Repository:
    """The repository's REST API, version 2022-11-28."""

    def __init__(self, environ: dict[str, str]) -> None:
        api = environ.get("GITHUB_API_URL") or "https://api.github.com"
        self._base = f"{api}/repos/{environ['GITHUB_REPOSITORY']}"
        self._headers = {
            "Authorization": f"Bearer {environ['GITHUB_TOKEN']}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "Content-Type": "application/json",
        }

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One call. Raises GitHubError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, self._headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:300]
            raise GitHubError(f"{method} {path.partition('?')[0]} was answered {error.code}: {said}") from None
        except OSError as error:
            raise GitHubError(f"{method} {path.partition('?')[0]} got no answer: {error}") from None

    def all(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Every entry of a list, page by page."""
        page = 1
        while True:
            asked = urllib.parse.urlencode({**query, "per_page": _PAGE, "page": page})
            found = self.call("GET", f"{path}?{asked}")
            yield from found
            if len(found) < _PAGE:
                return
            page += 1


def comment(repository: Repository, text: str, head: str, sha: str) -> str:
    """Write over our comment on the open pull request whose head is `sha` of `head` (OWNER:BRANCH), or add it.

    Which pull request it is follows from GitHub's own event, never from what the previewed code wrote.
    """
    pulls = [pull for pull in repository.all("/pulls", state="open", head=head) if pull["head"]["sha"] == sha]
    if not pulls:
        return f"No open pull request has {sha[:7]} of {head} at its head any more: nothing to say."
    said = []
    for pull in pulls:
        path = f"/issues/{pull['number']}/comments"
        ours = next((each for each in repository.all(path) if _is_ours(each, COMMENT_MARKER)), None)
        if ours is None:
            repository.call("POST", path, {"body": text})
            said.append(f"Added a comment to pull request {pull['number']}.")
        elif ours["body"].strip() != text.strip():
            repository.call("PATCH", f"/issues/comments/{ours['id']}", {"body": text})
            said.append(f"Wrote over the comment of pull request {pull['number']}.")
        else:
            said.append(f"The comment of pull request {pull['number']} says that already.")
    return "\n".join(said)


def issue(repository: Repository, text: str, marker: str, title: str) -> str:
    """Open the issue that begins with `marker`, or write over it; with no text, close it where it is open."""
    issues = repository.all("/issues", state="open")
    ours = next((each for each in issues if "pull_request" not in each and _is_ours(each, marker)), None)
    if not text:
        if ours is None:
            return "There is nothing to report, and no issue to close."
        repository.call("PATCH", f"/issues/{ours['number']}", {"state": "closed", "state_reason": "completed"})
        return f"Closed issue {ours['number']}."
    if ours is None:
        number = repository.call("POST", "/issues", {"title": title, "body": text})["number"]
        return f"Opened issue {number}."
    repository.call("PATCH", f"/issues/{ours['number']}", {"body": text})
    return f"Wrote over issue {ours['number']}."


def _is_ours(entry: dict[str, Any], marker: str) -> bool:
    """Anybody may write the marker; only what a bot wrote is written over."""
    return (entry.get("body") or "").startswith(marker) and entry["user"]["type"] == "Bot"


def _text(file: Path, marker: str) -> str:
    """The file's text, "" where there is none. Raises GitHubError where it does not begin as ours do."""
    if not file.exists():
        return ""
    text = file.read_text(encoding="utf-8", errors="replace")[:LONGEST_BODY]
    if not text.startswith(marker):
        raise GitHubError(f"{file} does not begin with {marker}: it was not made by this repository's scripts.")
    return text


def main() -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Keeps one comment or one issue up to date.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (("comment", "of the pull request of a commit"), ("issue", "with a marker of its own")):
        each = commands.add_parser(name, help=summary)
        each.add_argument("--file", type=Path, required=True, help="the text; where it is missing there is none")
    commands.choices["comment"].add_argument("--head", required=True, help="OWNER:BRANCH of the pull request's head")
    commands.choices["comment"].add_argument("--sha", required=True, help="the commit that was previewed")
    commands.choices["issue"].add_argument("--marker", required=True, help="first line of the text")
    commands.choices["issue"].add_argument("--title", required=True, help="title of a new issue")
    args = parser.parse_args()
    try:
        repository = Repository(dict(os.environ))
        if args.command == "issue":
            print(issue(repository, _text(args.file, args.marker), args.marker, args.title))
        elif text := _text(args.file, COMMENT_MARKER):
            print(comment(repository, text, args.head, args.sha))
        else:
            print("The preview made no comment: its own log says why.")
    except KeyError as error:
        print(f"github: the variable {error.args[0]} is not set; GitHub Actions sets it.", file=sys.stderr)
        return 1
    except GitHubError as error:
        print(f"github: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
