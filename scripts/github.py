"""Keeps one comment of a pull request, or one issue a stack, up to date. The workflows' half that may write.

    python scripts/github.py comment --file comment.md --head OWNER:BRANCH --sha SHA
    python scripts/github.py drift --folder drift --stacks '["dev", "prod"]' --run URL

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
DRIFT_MARKER: Final = "<!-- gemini-vertex drift {stack} -->"
_LAST_LOOK: Final = "\n\nWhat the last look found:\n\n"
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


def drift(repository: Repository, stack: str, text: str | None, run: str) -> str:
    """Keep a stack's issue: open it or write over it; close it where `text` is "", as nothing has drifted any more.

    With None the stack was not looked at: its issue says so, with the run that tells why, keeps what the last look
    found, and stays open.
    """
    marker = DRIFT_MARKER.format(stack=stack)
    issues = repository.all("/issues", state="open")
    ours = next((each for each in issues if "pull_request" not in each and _is_ours(each, marker)), None)
    if text == "":
        if ours is None:
            return f"Stack {stack}: there is nothing to report, and no issue to close."
        repository.call("PATCH", f"/issues/{ours['number']}", {"state": "closed", "state_reason": "completed"})
        return f"Stack {stack}: closed issue {ours['number']}."
    title = f"Stack {stack} has drifted"
    if text is None:
        before = ours["body"].removeprefix(marker).strip() if ours else ""
        found = before.partition(_LAST_LOOK)[2] if _LAST_LOOK in before else "" if _unseen(stack) in before else before
        text = f"{marker}\n\n{_unseen(stack)} [Its run]({run}) says why.{_LAST_LOOK + found if found else ''}"
        title = title if found else f"Stack {stack} could not be looked at"
    if ours is None:
        number = repository.call("POST", "/issues", {"title": title, "body": text})["number"]
        return f"Stack {stack}: opened issue {number}."
    repository.call("PATCH", f"/issues/{ours['number']}", {"title": title, "body": text})
    return f"Stack {stack}: wrote over issue {ours['number']}."


def _unseen(stack: str) -> str:
    return f"Stack `{stack}` could not be looked at, so nobody knows what has drifted."


def _is_ours(entry: dict[str, Any], marker: str) -> bool:
    """Anybody may write the marker; only what a bot wrote is written over."""
    return (entry.get("body") or "").startswith(marker) and entry["user"]["type"] == "Bot"


def _text(file: Path, marker: str) -> str:
    """The file's text, which may be "". Raises GitHubError where it does not begin as ours do."""
    text = file.read_text(encoding="utf-8", errors="replace")[:LONGEST_BODY]
    if text and not text.startswith(marker):
        raise GitHubError(f"{file} does not begin with {marker}: it was not made by this repository's scripts.")
    return text


def main() -> int:
    """Run from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Keeps one comment, or one issue a stack, up to date.")
    commands = parser.add_subparsers(dest="command", required=True)
    of_pull = commands.add_parser("comment", help="of the pull request of a commit")
    of_pull.add_argument("--file", type=Path, required=True, help="the text; where it is missing there is none")
    of_pull.add_argument("--head", required=True, help="OWNER:BRANCH of the pull request's head")
    of_pull.add_argument("--sha", required=True, help="the commit that was previewed")
    of_stacks = commands.add_parser("drift", help="what scripts/drift.py --markdown left of each stack")
    of_stacks.add_argument(
        "--folder", type=Path, required=True, help="with a drift-STACK.md for each that was looked at"
    )
    of_stacks.add_argument("--stacks", type=json.loads, required=True, help="their names, a list in JSON")
    of_stacks.add_argument("--run", required=True, help="address of the run that looked")
    args = parser.parse_args()
    try:
        repository = Repository(dict(os.environ))
        if args.command == "drift":
            for stack in args.stacks:
                file = args.folder / f"drift-{stack}.md"
                text = _text(file, DRIFT_MARKER.format(stack=stack)) if file.exists() else None
                print(drift(repository, stack, text, args.run))
        elif args.file.exists() and (text := _text(args.file, COMMENT_MARKER)):
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
