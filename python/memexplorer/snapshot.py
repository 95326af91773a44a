"""Snapshots: every object of a process at one moment, to be asked in Python.

>>> snapshot = memexplorer.capture()
>>> snapshot.close()
"""

import os
import tempfile
from typing import Optional, Union

from . import _memexplorer

__all__ = ["Snapshot", "capture", "open"]

PathLike = Union[str, "os.PathLike[str]"]

_MODES = {"freeze": 0, "fork": 1, "no pause": 2}


class Snapshot:
    """The heap of a process at one moment. capture() and open() make one.

    It may be used from several threads. Closing it is never necessary, and frees what it takes at
    once; it is a context manager that closes itself.
    """

    def __init__(self, path: PathLike) -> None:
        self._heap = _memexplorer.Heap(os.fspath(path))
        self.path: Optional[str] = os.fspath(path)  #: of its file; None when that has no name

    def close(self) -> None:
        """Free what it takes. Every question raises ValueError then."""
        self._heap.close()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._heap.closed

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open(path: PathLike) -> Snapshot:
    """The snapshot in a file that capture, or `memexplorer capture`, has written."""
    return Snapshot(path)


def capture(
    pid: Optional[int] = None,
    path: Optional[PathLike] = None,
    *,
    mode: str = "freeze",
    redact: bool = False,
    compress: bool = False,
    timeout: float = 0,
) -> Snapshot:
    """A snapshot of this process or, by its PID, of another one.

    Of this process no debugger's rights are needed: it forks, and the child explores the memory
    that it has then. The interpreter's lock is held for the fork alone.

    path      the file to write, readable by its owner alone; without one it has no name, and goes
              when the snapshot does
    mode      of another process: "freeze", "fork", "no pause", as `memexplorer capture` has them
    redact    leave values out
    compress  write a smaller file, which takes longer to open
    timeout   of this process: seconds after which to give up with TimeoutError; 0: ten minutes
    """
    if mode not in _MODES:
        raise ValueError(f"mode is one of {', '.join(map(repr, _MODES))}, not {mode!r}")
    if path is not None:
        file = os.fspath(path)
        _capture(pid, file, mode, redact, compress, timeout)
        return Snapshot(file)
    with tempfile.TemporaryDirectory(prefix="memexplorer-") as folder:
        file = os.path.join(folder, "snapshot.mxs")
        _capture(pid, file, mode, redact, compress, timeout)
        snapshot = Snapshot(file)
    snapshot.path = None
    return snapshot


def _capture(
    pid: Optional[int], path: str, mode: str, redact: bool, compress: bool, timeout: float
) -> None:
    if pid is None or pid == os.getpid():
        _memexplorer.capture_self(path, redact, compress, timeout)
    else:
        _memexplorer.capture_process(pid, path, redact, compress, _MODES[mode])
