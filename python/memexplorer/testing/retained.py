"""max_retained: how much memory a block, or a test, may leave behind it."""

__all__ = ["max_retained"]


class max_retained:
    def __init__(self, size):
        self.size = size
