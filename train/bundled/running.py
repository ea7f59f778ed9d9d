"""The loss that a training prints: smoothed, so that it can be read from one line to the next."""


class Running:
    """A mean that forgets: weight 0.02 for the newest value, unbiased from the first on."""

    def __init__(self) -> None:
        self.total = self.weight = 0.0

    def add(self, value: float) -> None:
        """Take a value in."""
        self.total = 0.98 * self.total + 0.02 * value
        self.weight = 0.98 * self.weight + 0.02

    @property
    def mean(self) -> float:
        """The mean so far."""
        return self.total / self.weight
