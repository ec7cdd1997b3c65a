"""What waits is done in portions; one that holds something odd, bit by bit."""


class Portions:
    """How much of what waits is done at once.

    After a portion was refused for what is in it, its parts come one at a time: only the odd one
    is lost, and what waits behind it goes on.

    Args:
        most: The largest portion.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._alone = 0

    def next(self, waiting: int) -> int:
        """Return how much of *waiting* comes next."""
        if self._alone:
            self._alone -= 1
            return min(1, waiting)
        return min(self._most, waiting)

    def refused(self, size: int) -> bool:
        """Note that a portion was refused; tells whether it is to be done again, in parts."""
        if size > 1:
            self._alone = size
        return size > 1
