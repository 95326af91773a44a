"""What lives at an address of this process, asked without touching it.

>>> v1 = ["a", "list"]
>>> address = id(v1)
>>> memutil.refs(address)
1

Every function takes an address as id() gives it: a number, which is no reference. The memory is
read the way another process would read it. Nothing is held, no count is changed, and any integer
has an answer: where no live object begins, that answer is 0, False, "" or an Info that says so.
Other types than integers raise TypeError.
"""

import sys
from typing import NamedTuple, Optional

from . import _memexplorer

__all__ = ["IMMORTAL", "Info", "info", "is_alive", "is_immortal", "refs", "type_name"]


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
