"""assert_freed_at_once: reference counting alone frees an object, and all that it brought along."""

import weakref
from typing import Callable, Optional, Set

from .. import memutil
from .collector import collector_off, find_garbage, new_inside, type_name, young_ids
from .explain import cycles_of, explained, holders, indented

__all__ = ["assert_freed_at_once"]


class _Remains:
    """What is known of an object without holding it."""

    def __init__(self, made: object, old: Set[int]) -> None:
        self.address = id(made)
        self.kind = type_name(type(made))
        self.none = made is None
        self.immortal = memutil.is_immortal(self.address)
        try:
            self.reference: Optional[weakref.ref[object]] = weakref.ref(made)
        except TypeError:
            self.reference = None
        self.inside = new_inside(made, old)

    @property
    def alive(self) -> bool:
        if self.reference is not None:
            return self.reference() is not None
        return memutil.is_alive(self.address)


def assert_freed_at_once(obj_factory: Callable[[], object]) -> None:
    """Assert that what obj_factory() returns is gone when the last reference to it goes.

    It is called with the cycle collector off. When it has returned, its result is let go: the
    object must be freed then and there, by reference counting. So must what came into being with it
    and hangs on it, unless something else holds that, too: a cycle inside an object that is freed
    itself fails as well. AssertionError says which cycle, or who holds it.
    """
    __tracebackhide__ = True
    with collector_off():
        remains = _let_go(obj_factory)
        # The first thing after it went: nothing may have come to its address meanwhile.
        problem = _problem(remains, remains.alive)
    if problem:
        raise AssertionError(problem)


def _let_go(obj_factory: Callable[[], object]) -> _Remains:
    old = young_ids()
    made = obj_factory()
    return _Remains(made, old)


def _problem(remains: _Remains, alive: bool) -> str:
    who = f"{remains.kind} at {remains.address:#x}"
    if remains.none:
        return "the function returned None, which is never freed: it has to return what it made"
    if remains.immortal:
        return f"{who} is immortal: it is never freed"
    if not alive:
        return _left_inside(remains, who)
    count = memutil.refs(remains.address)
    left = (
        f"{count} reference{'' if count == 1 else 's'} to it {'is' if count == 1 else 'are'} left"
    )
    if remains.address in find_garbage():
        kept = "it is on a cycle, or hangs on one, and only the cycle collector frees it"
        lines = [f"{who} was not freed when its last reference went: {kept}"]
        lines += cycles_of({remains.address, *remains.inside})
    else:
        lines = [f"{who} was not freed when its last reference went: {left}"]
        lines += explained(lambda snapshot: holders(snapshot, remains.address))
    return indented(lines)


def _left_inside(remains: _Remains, who: str) -> str:
    if not any(map(memutil.is_alive, remains.inside)):
        return ""
    left = remains.inside.intersection(find_garbage())
    if not left:
        return ""  # something else holds it, and will free it
    objects = f"{len(left)} object{'' if len(left) == 1 else 's'}"
    first = (
        f"{who} was freed at once, but not what was in it: {objects} wait for the cycle collector"
    )
    return indented([first, *cycles_of(left)])
