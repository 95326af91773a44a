"""A snapshot of this process, written from inside when a signal comes or memory has run out.

>>> memexplorer.install(signal=signal.SIGUSR2, on_memory_error="oom-{pid}.mxs")

It needs no debugger's rights: the process forks, and the child explores the memory that it has
then. docs/inside.md says when this is the way, and what it costs.
"""

import os
import signal as signals
import sys
import threading
from types import FrameType
from typing import Any, Callable, List, Optional, Union

from . import _memexplorer

__all__ = ["install", "uninstall"]

PathLike = Union[str, "os.PathLike[str]"]

RESERVE = 16 << 20
"""Bytes of address space that are kept for the moment when there are no more."""

_undo: List[Callable[[], None]] = []


def install(
    signal: Optional[int] = None,
    on_memory_error: Optional[PathLike] = None,
    *,
    on_signal: PathLike = "memexplorer-{pid}-{n}.mxs",
    redact: bool = False,
    compress: bool = False,
    reserve: int = RESERVE,
) -> None:
    """Write a snapshot when a signal comes, or when memory has run out; in place of any before.

    signal           its number, as signal.SIGUSR2; from the main thread
    on_memory_error  the file to write at the first MemoryError of this process: when one is raised,
                     from CPython 3.12 on, and else when one is caught by nobody
    on_signal        the file to write for the signal
    redact, compress as capture() has them
    reserve          bytes of address space that are kept back, and released at a MemoryError

    In a path {pid} is the number of the process, and {n}, for signals, 1, 2 and so on. Forked
    children do the same, so that without {pid} they write to the same file. Files are readable by
    their owner alone, and there as a whole or not at all. What was written is said on standard
    error.
    """
    uninstall()
    if on_memory_error is not None:
        path = os.path.abspath(os.fspath(on_memory_error))
        _memexplorer.arm(path, redact, compress, reserve)
        _undo.append(_memexplorer.disarm)
        _hook(sys, "excepthook", lambda arguments: arguments[1] or arguments[0])
        _hook(threading, "excepthook", lambda arguments: arguments[0].exc_value)
        _hook(sys, "unraisablehook", lambda arguments: arguments[0].exc_value)
        if sys.version_info >= (3, 12):
            _monitor()
    if signal is not None:
        _handle(signal, os.path.abspath(os.fspath(on_signal)), redact, compress)


def uninstall() -> None:
    """Undo what install() did. Hooks and handlers that were set since then stay."""
    while _undo:
        _undo.pop()()


def _hook(module: Any, name: str, exception_of: Callable[[Any], Any]) -> None:
    before = getattr(module, name)

    def hook(*arguments: Any) -> None:
        _memexplorer.memory_error(exception_of(arguments))
        before(*arguments)

    def undo() -> None:
        if getattr(module, name) is hook:
            setattr(module, name, before)

    setattr(module, name, hook)
    _undo.append(undo)


def _monitor() -> None:
    """A program may catch every error: only the moment when one is raised is sure to be seen."""
    monitoring = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
    for tool in (4, 3):  # which CPython has no name for
        if monitoring.get_tool(tool) is None:
            break
    else:
        return
    event = monitoring.events.RAISE
    monitoring.use_tool_id(tool, "memexplorer.install")
    monitoring.register_callback(tool, event, _memexplorer.raised)
    monitoring.set_events(tool, event)

    def undo() -> None:
        monitoring.set_events(tool, 0)
        monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)

    _undo.append(undo)


def _handle(number: int, template: str, redact: bool, compress: bool) -> None:
    count = 0
    before: Any = None

    def handler(signal: int, frame: Optional[FrameType]) -> None:
        nonlocal count
        count += 1
        path = template.replace("{pid}", str(os.getpid())).replace("{n}", str(count))
        try:
            _memexplorer.capture_self(path, redact, compress)
            said = f"the snapshot is {path}"
        except (OSError, RuntimeError, ValueError, MemoryError) as error:
            said = f"no snapshot was written: {error}"
        os.write(2, f"memexplorer: signal {signal}; {said}\n".encode(errors="surrogateescape"))
        if callable(before):
            before(signal, frame)

    def undo() -> None:
        if signals.getsignal(number) is handler:
            signals.signal(number, signals.SIG_DFL if before is None else before)

    before = signals.signal(number, handler)
    _undo.append(undo)
