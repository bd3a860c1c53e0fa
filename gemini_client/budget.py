"""The retry budget: in a storm retries stop, so that they do not multiply the load."""


class Budget:
    """A token bucket. Each call puts a share of a token in, each retry takes a whole one out.

    Args:
        share: of a token that each call earns.
        reserve: tokens to begin with, and the most that there can be.
    """

    def __init__(self, share: float, reserve: float) -> None:
        self._share, self._reserve = share, reserve
        self.tokens = reserve

    def earn(self) -> None:
        """A call begins."""
        self.tokens = min(self._reserve, self.tokens + self._share)

    def take(self) -> bool:
        """Whether a retry may be made; if so it is paid for."""
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True
