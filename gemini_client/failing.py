"""What a call that fails ends with, where more than one thing has to be told."""

from collections.abc import Sequence

from gemini_client.errors import (
    Attempt,
    GeminiClientError,
    LimitReached,
    QuotaExhausted,
    StreamInterrupted,
    Unavailable,
)


def interrupted(route: str, text: str, error: GeminiClientError) -> StreamInterrupted:
    """The end of a stream of which this text has been given out."""
    made = StreamInterrupted(
        f"The stream of {route} broke off: {error} The {len(text)} characters before are in `.text`;"
        " it was not asked again, since they have been given out.",
        code=error.code,
        status=error.status,
        route=route,
        retry_after=error.retry_after,
        brief=f"The stream of {route} broke off: {error.brief}",
    )
    made.text = text
    return made


def summary(failures: Sequence[GeminiClientError]) -> GeminiClientError:
    """One error for all routes: the only one there is, or a sentence that names each.

    `retry_after` is that of the route that may be asked first.
    """
    if len(failures) == 1:
        failures[0].attempts = attempts(failures)
        return failures[0]
    kind: type[GeminiClientError] = LimitReached if isinstance(failures[-1], LimitReached) else Unavailable
    if all(isinstance(each, QuotaExhausted) for each in failures):
        kind = QuotaExhausted
    made = kind(
        f"None of {len(failures)} routes answered. {' '.join(str(each) for each in failures)}",
        code=failures[0].code,
        status=failures[0].status,
        route=failures[-1].route,
        retry_after=min((each.retry_after for each in failures if each.retry_after is not None), default=None),
        brief=f"None of {len(failures)} routes answered. {' '.join(each.brief for each in failures)}",
    )
    made.attempts = attempts(failures)
    return made


def attempts(failures: Sequence[GeminiClientError]) -> tuple[Attempt, ...]:
    """Route and reason of each."""
    return tuple(Attempt(each.route, str(each)) for each in failures)
