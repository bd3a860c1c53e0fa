"""What the sandbox's models say: small arithmetic done right, anything else in words that tell which model spoke."""

import ast
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_WORDS = {
    r"\bplus\b": "+",
    r"\bminus\b": "-",
    r"\b(?:times|multiplied by)\b": "*",
    r"\b(?:divided by|over)\b": "/",
    r"(?<=\d)\s*[x×·]\s*(?=\d)": "*",
    "÷": "/",
    "−": "-",
    r"\^": "**",
}
_EXPRESSION = re.compile(r"[(\s\d.+\-]*\d[\d\s.,()+\-*/%]*[\d)]")
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_LARGEST = 10**15


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's text, with its length and its prompt's in tokens, and whether it was cut at the limit asked for.

    `candidates` is how often it is to be given.
    """

    text: str
    prompt_tokens: int
    tokens: int
    truncated: bool
    candidates: int = 1

    def pieces(self) -> list[str]:
        """The text in the pieces that a stream sends: several words each, at most eight pieces."""
        words = re.findall(r"\S+\s*", self.text)
        size = max(1, -(-len(words) // 8))
        return ["".join(words[start : start + size]) for start in range(0, len(words), size)]


def reply(prompt: str, speaker: str, max_tokens: int = 0) -> Reply:
    """What the model called `speaker` answers, in at most `max_tokens` tokens (0 for any number)."""
    value = arithmetic(prompt)
    if value is not None:
        text = value
    else:
        asked = " ".join(prompt.split())
        shortened = asked if len(asked) <= 160 else asked[:159] + "…"
        text = (
            f"This is {speaker}, simulated by the sandbox. "
            f'You wrote: "{shortened}" '
            "A real model would answer that; I only add numbers and tell who I am."
        )
    whole = re.findall(r"\w+|[^\w\s]", text)
    truncated = 0 < max_tokens < len(whole)
    if truncated:
        kept = list(re.finditer(r"\w+|[^\w\s]", text))[:max_tokens]
        text = text[: kept[-1].end()]
    return Reply(text, tokens(prompt), min(len(whole), max_tokens) if truncated else len(whole), truncated)


def tokens(text: str) -> int:
    """Roughly how many tokens a text has: words and marks."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def arithmetic(text: str) -> str | None:
    """The value of the first arithmetic expression in a text ("What is 2 + 2?" -> "4"), or None where there is none."""
    for pattern, sign in _WORDS.items():
        text = re.sub(pattern, sign, text, flags=re.IGNORECASE)
    for found in _EXPRESSION.finditer(text):
        expression = re.sub(r"(?<=\d),(?=\d{3}\b)", "", found.group()).strip().strip(",")
        if not re.search(r"[\d)]\s*(\*\*|//|[+\-*/%])\s*[-(\d]", expression):
            continue
        try:
            value = _evaluate(ast.parse(expression, mode="eval").body)
        except (SyntaxError, ValueError, ArithmeticError):
            continue
        return str(value) if isinstance(value, int) else f"{value:.10g}"
    return None


def _evaluate(node: ast.expr) -> int | float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _evaluate(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _evaluate(node.left), _evaluate(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > 64 or abs(left) > 10**6):
            raise ValueError("too large")
        result: int | float | complex = _OPERATORS[type(node.op)](left, right)
        if isinstance(result, complex) or abs(result) > _LARGEST:
            raise ValueError("no real number, or too large")
        whole = isinstance(result, float) and result.is_integer()
        return int(result) if whole else result
    raise ValueError("no arithmetic")
