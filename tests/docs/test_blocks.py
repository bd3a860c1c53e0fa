"""The helper that runs a page's commands."""

from pathlib import Path

import pytest

from tests.docs.blocks import Reader, blocks, filled


def test_blocks_come_in_their_order_and_only_those_of_a_shell() -> None:
    """docs/private-connectivity.md begins with the network and ends with Google's own APIs."""
    found = blocks("private-connectivity.md")
    assert found[0].startswith("pulumi config rm  --path gemini-vertex:endpoint.network\n")
    assert "privateApis.mode restricted" in found[-1]


def test_whole_words_alone_are_replaced() -> None:
    """A key that holds such a word stays as it is."""
    table = {"NETWORK": "n", "NETWORK_PROJECT": "p", "pulumi up": "pulumi up --yes"}
    assert filled("--network=NETWORK NETWORK-vertex-ai NETWORK_PROJECT MY_NETWORK", table) == (
        "--network=n n-vertex-ai p MY_NETWORK"
    )
    assert filled("pulumi up\npulumi update", table) == "pulumi up --yes\npulumi update"


def test_the_first_command_that_fails_ends_a_block(tmp_path: Path) -> None:
    """With what was typed and printed."""
    reader = Reader(tmp_path, {"PATH": "/usr/bin:/bin"}, {"NAME": "you"})
    assert reader.types("read said; echo $said NAME", "hello\n") == "hello you\n"
    with pytest.raises(AssertionError, match=r"(?s)ended with 1:\necho one\nfalse.*\none"):
        reader.types("echo one\nfalse\necho two")
