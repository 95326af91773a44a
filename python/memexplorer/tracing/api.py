"""memexplorer.trace: a block of code under the recorder, in this process."""

import linecache
import os
import sys
import tempfile
from types import TracebackType
from typing import Any, Dict, List, Optional, Sequence, Type

from .._files import whole_file
from . import command
from .events import Event, read, write
from .listing import listing


class trace:  # noqa: N801 - it is used like a function
    """Shows what each line of the block does to the names and objects of the program.

    with memexplorer.trace():
        a = Node()
        b = a

    output  where the listing goes, a text file; default: sys.stderr as it is at the end
    json    a path: the events, too, one JSON object a line
    all     births and deaths of objects of any type (3.13 and later), not of the program's
            classes alone
    names   False: births, deaths and the collector alone
    limit   changes of names that are told for a line; the others are counted
    roots   folders that the program's code lies below; default: that of the file with the block
    files   names of files that are the program's besides, with their source, or None

    Afterwards `events` has what was seen. One trace runs in a process at a time.
    """

    def __init__(
        self,
        *,
        output: Optional[Any] = None,
        json: Optional[str] = None,
        all: bool = False,
        names: bool = True,
        limit: int = 100,
        roots: Optional[Sequence[str]] = None,
        files: Optional[Dict[str, Optional[str]]] = None,
    ) -> None:
        self.output, self.json = output, json
        self.options = (all, names, limit)
        self.roots = roots
        self.files: Dict[str, Optional[str]] = dict(files or {})
        self.events: List[Event] = []

    def __enter__(self) -> "trace":
        from memexplorer import _trace

        caller = sys._getframe(1).f_code.co_filename
        self.files.setdefault(caller, None)
        folder = os.path.dirname(os.path.abspath(caller))
        roots = self.roots
        if roots is None:
            roots = [folder] if os.path.exists(caller) else []
        roots = [os.path.realpath(root) for root in roots]
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        try:
            _trace.start(os.dup(self.file.fileno()), -1, -1, roots, command.excluded_folders(roots),
                         frozenset(self.files), *self.options)  # fmt: skip
        except BaseException:
            self.file.close()
            raise
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        from memexplorer import _trace

        _trace.stop()
        sources = {name: text if text is not None else "".join(linecache.getlines(name))
                   for name, text in self.files.items()}  # fmt: skip
        with self.file as file:
            file.seek(0)
            self.events = list(read(file, sources))
        if self.json:
            with whole_file(self.json) as lines:
                write(iter(self.events), lines)
        out = self.output or sys.stderr
        if out is not None:
            color = bool(getattr(out, "isatty", bool)()) and "NO_COLOR" not in os.environ
            listing(self.events).print(out, color)

    @staticmethod
    def main(argv: List[str]) -> int:
        """`memexplorer trace ARGV`: this process becomes the script's."""
        return command.main(argv)
