"""The part of memexplorer that is written in C: Doomed, addresses, and open snapshots."""

from typing import Any, Callable, Protocol

class _Writes(Protocol):
    def write(self, text: str, /) -> object: ...

class Doomed:
    """An object that says when it comes, when it goes, and why it went.

    >>> v1 = Doomed(name="v1")
    Doomed('v1') at 0x7fbde3ef1d80 created
    >>> v1 = None
    Doomed('v1') at 0x7fbde3ef1d80 finalized: its reference count reached zero

    The other end of a line is "finalized: the cycle collector found it". It is the truth about
    who called the finalizer, also for objects that are no part of a cycle but hang on one.

    held      objects to hold a reference to, any number of them
    name      a str to tell it apart by; without one it is called Doomed()
    stream    anything with a write() method. Default: sys.stdout as it is when there is
              something to say; nothing is said when that is None or closed
    callback  called with the text (a str, without newline) instead of writing it

    A subclass speaks under its own name; one with its own __init__ calls super().__init__(),
    one with its own __del__ calls super().__del__(). Like every finalizer in Python it runs
    once: an object that was brought back to life goes silently the second time.

    An exception from the stream or callback at creation goes to the caller; at finalization it
    goes to sys.unraisablehook, or nowhere while the interpreter shuts down.
    """

    def __init__(
        self,
        *held: object,
        name: str | None = None,
        stream: _Writes | None = None,
        callback: Callable[[str], object] | None = None,
    ) -> None: ...
    @property
    def held(self) -> tuple[object, ...]:
        """The objects it holds, in order; a new tuple each time."""
    @property
    def name(self) -> str | None:
        """The name it was given, or None."""
    def hold(self, *objects: object) -> None:
        """Hold a reference to each of these objects, too."""
    def release(self) -> None:
        """Let go of everything it holds."""

def refcount(address: int, /) -> int:
    """The reference count in the header at address; 0: no live object, -1: immortal."""

def look(address: int, /) -> tuple[bool, bool, int, str, int, bool, str]:
    """Alive, immortal, reference count, type, size, tracked, preview of what is at address."""

class Heap:
    """A snapshot file that is open: what memexplorer.Snapshot asks.

    It may be used from several threads, which wait for each other without the interpreter's lock.
    """

    def __init__(self, path: str | bytes) -> None: ...
    def close(self) -> None:
        """Close it; questions that are being answered come to their end first."""
    @property
    def closed(self) -> bool:
        """Whether it was closed."""

class TableData:
    """Rows of an open snapshot, in columns: what memexplorer.Table shows.

    name     the table, and `what` a tuple of columns, or None for all of them
    None     and `what` is a query in SQL, which may take so many seconds; 0: any time
    """

    def __init__(
        self, heap: Heap, name: str | None, what: Any = None, seconds: float = 0
    ) -> None: ...
    @property
    def row_count(self) -> int:
        """How many rows it has."""
    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its columns."""
    def read(self, first: int, most: int, /) -> list[tuple[Any, ...]]:
        """Rows from `first` on, `most` or fewer: 65536 of a table. None behind the last."""
    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """A capsule with an ArrowArrayStream. The wish for another schema is not granted."""
    def __arrow_c_schema__(self) -> object:
        """A capsule with an ArrowSchema."""

def capture_self(
    path: str | bytes,
    redact: bool = False,
    compress: bool = False,
    plain: bool = False,
    seconds: float = 0,
    argument: int = 0,
    callee: int = 0,
    /,
) -> None:
    """Write a snapshot of this process to path.

    argument and callee are addresses of an object, and of the function that is being called with
    it: the reference that the call itself has to it is left out.
    """

def capture_process(
    pid: int,
    path: str | bytes,
    redact: bool = False,
    compress: bool = False,
    plain: bool = False,
    mode: int = 0,
    /,
) -> None:
    """Write a snapshot of another process to path; mode is the mx_capture_mode."""

def why(heap: Heap, address: int, type: str | None, paths: int, /) -> dict[str, Any]:
    """Why the object at address, or those of a type, are alive, as `memexplorer why --json`."""

def show(heap: Heap, address: int, /) -> dict[str, Any]:
    """The object at address, as `memexplorer show --json`."""

def retained(heap: Heap, address: int, /) -> dict[str, Any]:
    """What the object at address retains, as `memexplorer retained --json`."""

def dominators(heap: Heap, whole: bool, address: int, depth: int, top: int, /) -> dict[str, Any]:
    """The dominator tree, whole or below an address, as `memexplorer dominators --json`."""

def free(heap: Heap, address: int, label: str | None, /) -> dict[str, Any]:
    """What would be freed with a reference, as `memexplorer free --json`."""

def cycles(heap: Heap, garbage: bool, /) -> dict[str, Any]:
    """Cycles, garbage or held: `memexplorer garbage --json`, `memexplorer cycles --json`."""

def suspects(heap: Heap, /) -> dict[str, Any]:
    """What may be leaking, as `memexplorer suspects --json`."""

def diff(heaps: tuple[Heap, ...], type: str | None, rows: int, /) -> dict[str, Any]:
    """What changed between snapshots, as `memexplorer diff --json`."""

def arm(path: str | bytes, redact: bool, compress: bool, reserve: int, /) -> None:
    """Write a snapshot to path, {pid} replaced, at this process' first MemoryError.

    reserve  bytes of address space to keep free until then
    """

def disarm() -> None:
    """Write none, and give the reserve back."""

def memory_error(exception: object, /) -> None:
    """Write what arm() was told to if this is a MemoryError, or its type."""

def raised(code: object, offset: int, exception: object, /) -> None:
    """The same, as sys.monitoring calls it."""

def watch_begin(object: object, /) -> int | None:
    """Hear of the object's death, without a reference to it: a token; None before CPython 3.13."""

def watch_fate(token: int, /) -> int:
    """1: alive, 2: its count reached zero, 3: the same while the collector ran, else not known."""

def watch_end(token: int, /) -> bool:
    """Hear of it no more; True when there are no tokens left."""

def watch_collection(phase: str, info: dict[str, Any], /) -> None:
    """For gc.callbacks, while there are tokens."""

def watch_again(address: int, callback: Callable[[object], object], /) -> object:
    """A weak reference to what the collector is about to finalize; in a weak callback of it."""
