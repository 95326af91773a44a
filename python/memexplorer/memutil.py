"""What lives at an address of this process, asked without touching it.

>>> v1 = ["a", "list"]
>>> address = id(v1)
>>> memutil.refs(address)
1

refs, is_alive, is_immortal, type_name and info take an address as id() gives it: a number, which
is no reference. The memory is read the way another process would read it. Nothing is held, no
count is changed, and any integer has an answer: where no live object begins, that answer is 0,
False, "" or an Info that says so. Other types than integers raise TypeError.

watch takes an object, and gives a handle that holds no reference to it.

referrers, why, retained and free take an object, garbage takes none: the answers of the commands
of the same names for this process, as Snapshot gives them. Each makes a snapshot of its own, in
a child process: tenths of a second, and more where there are millions of objects. For more than
one question make one with memexplorer.capture(). The reference that the call itself has to the
object is left out; the caller's variable is a holder like any other. What only the call holds has
no answer: LookupError.
"""

import sys
import threading
from typing import Any, Callable, List, NamedTuple, Optional

from . import _memexplorer
from .snapshot import Answer, Snapshot, capture_asked
from .watch import Watch, watch

__all__ = [
    "IMMORTAL", "Info", "Watch", "free", "garbage", "info", "is_alive", "is_immortal",
    "referrers", "refs", "retained", "type_name", "watch", "why",
]  # fmt: skip


class _Immortal(int):
    """An int that is larger than every count, and is shown as what it means."""

    def __repr__(self) -> str:
        return "immortal"

    __str__ = __repr__


IMMORTAL: int = _Immortal(sys.maxsize)
"""What refs() answers for an immortal object: the number in its header is a mark, not a count."""


class Info(NamedTuple):
    """What is at an address."""

    address: int
    alive: bool
    immortal: bool
    refcount: Optional[int]  #: None for an immortal object, and where no live object is
    type: str  #: "builtins.list"; "" where no live object is
    size: int  #: in bytes, as sys.getsizeof says; 0 where no live object is
    tracked: bool  #: by the cycle collector
    preview: str  #: the value as Python prints it, cut; "" where no live object is


def refs(address: int) -> int:
    """The reference count of the object at address; 0 where no live object is.

    It is the number of references there are: unlike sys.getrefcount, asking adds none. From
    CPython 3.12 on some objects (None, small ints, interned strings ...) are immortal and not
    counted at all: the answer is IMMORTAL then, an int that prints as `immortal`.
    """
    count = _memexplorer.refcount(address)
    return IMMORTAL if count < 0 else count


def is_alive(address: int) -> bool:
    """Whether a live object begins at address."""
    return _memexplorer.refcount(address) != 0


def is_immortal(address: int) -> bool:
    """Whether a live object begins at address that is never counted and never freed."""
    return _memexplorer.refcount(address) < 0


def type_name(address: int) -> str:
    """The type of the object at address, "builtins.list"; "" where no live object is."""
    return _memexplorer.look(address)[3]


def info(address: int) -> Info:
    """Everything known of the object at address."""
    alive, immortal, count, type, size, tracked, preview = _memexplorer.look(address)
    refcount = count if alive and not immortal else None
    return Info(address, alive, immortal, refcount, type, size, tracked, preview)


# ---- questions about objects of this process ----------------------------------------------------

# References of a call of one of these functions to its argument: its variable and, up to 3.10, the
# value stack of its caller.
_OWN = 1 if sys.version_info >= (3, 11) else 2
# From 3.14 on a variable is lent to a call without counting: what has one reference may be held by
# the caller, or by the call alone.
_MAY_BE_LENT = sys.version_info >= (3, 14)


def _alone(address: int) -> LookupError:
    return LookupError(f"nothing but this call holds the object at {address:#x}")


def _keep(address: int) -> bool:
    """Whether the argument has to stay, so that there is something to ask about."""
    if 0 < _memexplorer.refcount(address) <= _OWN:
        if not _MAY_BE_LENT:
            raise _alone(address)
        return True
    return False


def _is_own(referrer: Answer, asked: Callable[..., Any]) -> bool:
    """Is it the variable of the function that asks, or its C functions' stacks?"""
    root = referrer.root or ""
    if f" frame {asked.__name__} at memutil.py:" in root:
        return True
    return bool(root.startswith(f"thread {threading.get_native_id()} C stack"))


def _ask(address: int, asked: Callable[..., Any], question: Callable[[Snapshot], Any]) -> Any:
    kept = _memexplorer.refcount(address) == _OWN
    with capture_asked(address, asked) as snapshot:
        if kept and _MAY_BE_LENT:
            held = snapshot.show(address).referrers
            if not any(r.ownership == "owned" and not _is_own(r, asked) for r in held):
                raise _alone(address)
        return question(snapshot)


def referrers(thing: Any) -> List[Answer]:
    """What refers to the object: objects by address, then roots; as `memexplorer show`.

    >>> v1 = ["a", "list"]
    >>> holder = {"key": v1}
    >>> len(memutil.referrers(v1))  # holder, and the dict of the module's names
    2
    """
    address = id(thing)
    if not _keep(address):
        del thing

    def question(snapshot: Snapshot) -> List[Answer]:
        found = snapshot.show(address)
        rows = [r for r in found.referrers if not _is_own(r, referrers)]
        # Words above the top of a value stack were left behind there: no count has them.
        left = sum(r.ownership == "owned" for r in rows) - (found.refcount or 0)
        for row in [r for r in rows if r.label.startswith("stack ")][: max(left, 0)]:
            rows.remove(row)
        return rows

    answer: List[Answer] = _ask(address, referrers, question)
    return answer


def why(thing: Any, paths: int = 5) -> Answer:
    """Why the object is alive: the shortest ways from each kind of root; `memexplorer why`."""
    address = id(thing)
    if not _keep(address):
        del thing
    answer: Answer = _ask(address, why, lambda s: s.why(address, paths=paths))
    return answer


def retained(thing: Any) -> Answer:
    """What would be freed with the object, by type; as `memexplorer retained`."""
    address = id(thing)
    if not _keep(address):
        del thing
    answer: Answer = _ask(address, retained, lambda s: s.retained(address))
    return answer


def free(thing: Any, reference: Optional[str] = None) -> Answer:
    """What would happen if a reference of the object, ".attr", went; as `memexplorer free`.

    Without a name: if every reference to the object went. Nothing is changed.
    """
    address = id(thing)
    if not _keep(address):
        del thing
    answer: Answer = _ask(address, free, lambda s: s.free(address, reference))
    return answer


def garbage() -> Answer:
    """What gc.collect() would find unreachable now; as `memexplorer garbage`."""
    with capture_asked(0, garbage) as snapshot:
        return snapshot.garbage()
