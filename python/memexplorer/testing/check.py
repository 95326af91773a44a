"""An assertion about a block of code, or about a test: what the others are made of."""

from types import TracebackType
from typing import Optional, Type

__all__ = ["Check"]


class Check:
    """Begins before the block, and ends after it; as a context manager, fails where the end says
    so. Nothing is asserted when the block raises."""

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> str:
        """What is wrong, or ""."""
        raise NotImplementedError

    def close(self) -> None:
        """Forget what was there at the beginning, and leave everything as it was."""
        raise NotImplementedError

    def __enter__(self) -> None:
        self.begin()

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        __tracebackhide__ = True
        try:
            problem = "" if kind else self.end()
        finally:
            self.close()
        if problem:
            raise AssertionError(problem)
