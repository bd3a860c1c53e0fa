"""What the models say: arithmetic is right whatever way it is written, and nothing can be run through it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.services.aiplatform import answers


@pytest.mark.parametrize(
    ("prompt", "value"),
    [
        ("What is 2 + 2? Reply with just the number.", "4"),
        ("2+2", "4"),
        ("What is 12 times 12?", "144"),
        ("Compute 7 x 8 please", "56"),
        ("(1 + 2) * 3 - 4", "5"),
        ("10 / 4", "2.5"),
        ("9 divided by 3 is?", "3"),
        ("2^10", "1024"),
        ("What is 1,000 + 1?", "1001"),
        ("-3 + 5", "2"),
        ("17 % 5", "2"),
        ("On 3 May I asked: 6*7?", "42"),
    ],
)
def test_arithmetic_is_done_right(prompt: str, value: str) -> None:
    assert answers.arithmetic(prompt) == value


@pytest.mark.parametrize(
    "prompt",
    ["Who are you?", "In 2024 there were 3.", "1 / 0", "9**9**9**9", "2 +", "__import__('os')", "version 1.2.3", ""],
)
def test_what_is_no_arithmetic_is_left_alone(prompt: str) -> None:
    assert answers.arithmetic(prompt) is None


@given(st.integers(-999, 999), st.sampled_from("+-*"), st.integers(0, 999))
def test_any_small_sum_is_right(left: int, sign: str, right: int) -> None:
    expected = {"+": left + right, "-": left - right, "*": left * right}[sign]
    assert answers.arithmetic(f"How much is {left} {sign} {right}?") == str(expected)


@given(st.text(max_size=200))
def test_any_prompt_gets_an_answer(prompt: str) -> None:
    reply = answers.reply(prompt, "speaker")
    assert reply.text
    assert "".join(reply.pieces()) == reply.text
    assert reply.tokens == answers.tokens(reply.text)


def test_a_long_answer_streams_in_several_pieces() -> None:
    pieces = answers.reply("Tell me about the sea", "gemini-flash-primary").pieces()
    assert 3 <= len(pieces) <= 8
    assert "gemini-flash-primary" in "".join(pieces)
