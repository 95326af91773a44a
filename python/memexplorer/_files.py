"""Files that are there as a whole or not at all, and readable by their owner alone."""

import contextlib
import os
import stat
import tempfile
from typing import Iterator, TextIO, Union


@contextlib.contextmanager
def whole_file(path: Union[str, "os.PathLike[str]"]) -> Iterator[TextIO]:
    """What is written in the block is at `path` when the block has ended without an error.

    A device or a pipe (/dev/stdout) gets it as it comes. Raises OSError.
    """
    path = os.fspath(path)
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        with open(path, "w", encoding="utf-8", errors="replace") as out:
            yield out
        return
    path = os.path.realpath(path)  # a link stays one
    folder, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{name[:50]}-", dir=folder)
    try:
        with open(handle, "w", encoding="utf-8", errors="replace") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
