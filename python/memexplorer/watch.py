"""A handle for an object that holds no reference to it, and hears of its death.

    object with weak references   a weak callback; the count at that moment says who lets it go
    other objects, CPython 3.13+  PyRefTracer's events
    other objects, before         what lies at the address, which may be another object by now;
                                  also in the first 3.13, whose tracer is not told of all

The second costs: every object of the process that comes and goes is told to the tracer.
"""

import gc
import weakref
from typing import Any, Optional

from . import _memexplorer

__all__ = ["Watch", "watch"]

BY_COUNT = "reference count reached zero"
BY_COLLECTOR = "cycle collector"
NOT_KNOWN = "not known"

_FATES = {1: None, 2: BY_COUNT, 3: BY_COLLECTOR}


def _collections() -> int:
    return sum(generation["collections"] for generation in gc.get_stats())


class _Weak:
    """Hears of the death through weak references. Referred to by their callbacks: it must not
    refer to the handle, nor to the object."""

    __slots__ = ("address", "by", "collection", "ref")

    def __init__(self, thing: Any) -> None:
        self.address = id(thing)
        self.by: Optional[str] = None
        self.collection = -1  # in which the collector found it unreachable
        self.ref: Any = weakref.ref(thing, self.told)

    def told(self, _: object) -> None:
        # Deallocation calls this with a count of zero (Objects/typeobject.c, subtype_dealloc), the
        # collector while the cycle still holds the object (Python/gc.c, handle_weakrefs): then a
        # finalizer may still bring it back to life, and only another weak reference tells.
        if _memexplorer.refcount(self.address) > 0 and self.collection < 0:
            self.collection = _collections()
            self.ref = _memexplorer.watch_again(self.address, self.told)
        elif self.collection >= 0 and self.collection == _collections():
            self.by = BY_COLLECTOR
        else:
            self.by = BY_COUNT

    def died_by(self) -> Optional[str]:
        if self.by is None and self.ref() is None:
            # Newer collectors clear weak references that were made meanwhile without a call.
            self.by = BY_COLLECTOR if self.collection >= 0 else NOT_KNOWN
        return self.by


def _hears_everything() -> bool:
    """Whether the tracer is told what the interpreter's loop lets go of: not by the first 3.13.

    Those release objects there without Py_DECREF's events (Python/ceval.c).
    """
    thing: Any = []
    token = _memexplorer.watch_begin(thing)
    thing = None
    heard = token is not None and _memexplorer.watch_fate(token) == 2
    if token is not None:
        _memexplorer.watch_end(token)
    return heard


class _Traced:
    __slots__ = ("token",)
    hears_everything: Optional[bool] = None

    def __init__(self, token: int) -> None:
        self.token = token
        if _memexplorer.watch_collection not in gc.callbacks:
            gc.callbacks.append(_memexplorer.watch_collection)

    def fate(self) -> int:
        return _memexplorer.watch_fate(self.token)

    def __del__(self) -> None:
        if _memexplorer.watch_end(self.token) and _memexplorer.watch_collection in gc.callbacks:
            gc.callbacks.remove(_memexplorer.watch_collection)


class Watch:
    """A handle that memutil.watch() has made. It holds no reference to its object."""

    __slots__ = ("__weakref__", "_by", "_how", "address", "type")

    def __init__(self, thing: Any) -> None:
        self.address = id(thing)  #: of the object, or where it was
        self.type = _memexplorer.look(self.address)[3]  #: of the object, "builtins.list"
        self._by: Optional[str] = None
        self._how: Any = None
        try:
            self._how = _Weak(thing)
        except TypeError:
            if _Traced.hears_everything is None:
                _Traced.hears_everything = _hears_everything()
            token = _memexplorer.watch_begin(thing)
            if token is not None:
                self._how = _Traced(token)

    def _look(self) -> Optional[bool]:
        """Without anybody to tell: what is at the address. None: it may be another object."""
        alive, immortal, _, type, _, _, _ = _memexplorer.look(self.address)
        if not alive or type != self.type:
            self._by = NOT_KNOWN
            return False
        return True if immortal else None

    @property
    def alive(self) -> Optional[bool]:
        """Whether the object is alive; None where this version of CPython cannot know.

        That is so for objects to which there are no weak references, before CPython 3.13, when
        there is an object of the same type at the address: it may be another one.
        """
        if self._by is not None:
            return False
        if isinstance(self._how, _Weak):
            self._by = self._how.died_by()
        elif isinstance(self._how, _Traced):
            fate = self._how.fate()
            if fate not in _FATES or (fate == 1 and not _Traced.hears_everything):
                return self._look()
            self._by = _FATES[fate]
        else:
            return self._look()
        return self._by is None

    @property
    def refs(self) -> Optional[int]:
        """Its reference count; 0 when it is dead, memutil.IMMORTAL, None where `alive` is."""
        alive = self.alive
        if alive is None:
            return None
        if not alive:
            return 0
        from .memutil import refs

        return refs(self.address)

    @property
    def died_by(self) -> Optional[str]:
        """None while it lives, or where that is not known; else what ended it.

        "reference count reached zero", "cycle collector", or "not known". What the collector
        frees are the objects that it found unreachable, in cycles or held by one.
        """
        return self._by if self.alive is False else None

    def __repr__(self) -> str:
        alive = self.alive
        state = "alive" if alive else "perhaps alive" if alive is None else f"dead: {self._by}"
        return f"<watch on {self.type} at {self.address:#x}: {state}>"


def watch(thing: Any) -> Watch:
    """A handle that holds no reference to the object, and knows when it dies, and by what.

    >>> class Thing: pass
    >>> v1 = Thing()
    >>> watched = memutil.watch(v1)
    >>> watched.alive, watched.refs, watched.died_by
    (True, 1, None)
    >>> v1 = None
    >>> watched.alive, watched.refs, watched.died_by
    (False, 0, 'reference count reached zero')
    """
    return Watch(thing)
