"""max_retained: how much more memory a block holds at its end, or a test leaves, than there was
before."""

import os
import re
import tempfile
from typing import Any, Callable, List, Sequence, Union

from .._html import size_text
from ..snapshot import Snapshot, capture
from .check import Check
from .collector import collect
from .explain import ASKING, indented

__all__ = ["max_retained"]

MOST_ROWS = 5  # of types, and of places, in a message
UNITS = {
    "": 1,
    "b": 1,
    **{letter + "b": 1000**n for n, letter in enumerate("kmgt", 1)},
    **{letter + "ib": 1024**n for n, letter in enumerate("kmgt", 1)},
}


def _bytes(size: Union[str, int]) -> int:
    """ "10 MB" is 10,000,000, "10 MiB" is 10,485,760."""
    if isinstance(size, int):
        return size
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", size)
    if not found or found[2].lower() not in UNITS:
        raise ValueError(f"max_retained: {size!r} is no size: write it as in '10 MB' or '512 KiB'")
    return int(float(found[1]) * UNITS[found[2].lower()])


class max_retained(Check):  # noqa: N801 - reads as the assertion that it is
    """Assert how much memory a block holds when it ends: `with max_retained("10 MB"): ...`.

    What counts is what is alive at the end and was not at the beginning, and what older objects
    have grown by: sizes of objects and of the blocks of memory that they own. What was taken and
    given back between does not count, nor what has gone instead; garbage is collected at both ends.
    A snapshot is taken at both ends. Nothing is asserted when the block raises.
    """

    def __init__(self, size: Union[str, int]) -> None:
        self.size = size
        self.limit = _bytes(size)
        self._before = -1  # a file descriptor: an open snapshot would be memory in use

    def begin(self) -> None:
        self.close()
        collect()
        with tempfile.TemporaryDirectory(prefix="memexplorer-") as folder:
            path = os.path.join(folder, "before.mxs")
            capture(path=path).close()
            self._before = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def end(self) -> str:
        collect()
        with capture() as after, Snapshot(f"/proc/self/fd/{self._before}") as before:
            change = before.diff(after)
        nbytes = change.born.bytes + change.grew.bytes
        if nbytes <= self.limit:
            return ""
        limit = self.size if isinstance(self.size, str) else f"{self.size:,} bytes"
        lines = [f"{size_text(nbytes)} more are held than before, and {limit} may be"]
        lines += _rows(change.types, lambda row: str(row.type))
        lines += _rows(change.places, lambda row: f"{row.path} ({row.type})")
        return indented(lines)

    def close(self) -> None:
        if self._before >= 0:
            os.close(self._before)
            self._before = -1


def _rows(rows: Sequence[Any], name: Callable[[Any], str]) -> List[str]:
    """Those that have more bytes than before, with how many objects there were and are."""
    grown = [row for row in rows if _more(row) > 0 and not ASKING.search(name(row))]
    lines = []
    for row in sorted(grown, key=_more, reverse=True)[:MOST_ROWS]:
        counts = f"{row.all[0].objects:,} objects, now {row.all[1].objects:,}"
        lines.append(f"+{size_text(_more(row))} {name(row)}, {counts}")
    return lines


def _more(row: Any) -> int:
    return int(row.all[1].bytes - row.all[0].bytes)
