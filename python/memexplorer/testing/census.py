"""no_new: a block, or a test, leaves no more instances of a type than there were before."""

import gc
from typing import Dict, List, Optional, Set, Tuple

from .check import Check
from .collector import collect, type_name
from .explain import explained, indented, instances_of, why

__all__ = ["Census", "no_new"]

MOST_EXAMPLES = 3  # of a type, in a message
TRACKS_INSTANCES = 1 << 14  # Py_TPFLAGS_HAVE_GC, a part of the stable ABI
SOMETIMES_TRACKED = (object, tuple, dict)  # the collector stops tracking some of these


class Census:
    """The addresses of all instances of some types, those of subclasses too."""

    def __init__(self, types: Tuple[type, ...]) -> None:
        self.addresses: Dict[type, Set[int]] = {one: set() for one in types}
        # By address: a metaclass may have a hash of its own.
        wanted = {id(kind): found for kind, found in self.addresses.items()}
        for one in gc.get_objects():
            for kind in map(id, type(one).__mro__):
                if kind in wanted:
                    wanted[kind].add(id(one))
        unseen = [one for one in types if _are_untracked(one)]
        for kind, found in zip(unseen, instances_of([_with_subclasses(one) for one in unseen])):
            self.addresses[kind] |= found


def _are_untracked(kind: type) -> bool:
    return kind in SOMETIMES_TRACKED or not kind.__flags__ & TRACKS_INSTANCES


def _with_subclasses(kind: type) -> Set[int]:
    found: Set[int] = set()
    waiting = [kind]
    while waiting:
        one = waiting.pop()
        if id(one) not in found:
            found.add(id(one))
            waiting += type.__subclasses__(one)
    return found


class no_new(Check):  # noqa: N801 - reads as the assertion that it is
    """Assert that a block leaves no new instances: `with no_new(Session, Request): ...`.

    For each type, there must not be more instances at the end than at the beginning, those of
    subclasses included. Garbage is collected at both ends: it does not count. AssertionError names
    the new ones and who holds them. Nothing is asserted when the block raises.
    """

    def __init__(self, *types: type) -> None:
        if not types:
            raise TypeError("no_new takes one type at least")
        for one in types:
            if not isinstance(one, type):
                raise TypeError(f"no_new takes types, not {one!r}")
        self.types = types
        self._before: Optional[Census] = None

    def begin(self) -> None:
        collect()
        self._before = Census(self.types)

    def end(self) -> str:
        assert self._before is not None
        collect()
        after = Census(self.types)
        lines: List[str] = []
        examples: List[int] = []
        for kind in self.types:
            was, now = self._before.addresses[kind], after.addresses[kind]
            more = len(now) - len(was)
            if more > 0:
                counts = f"({len(was):,}, now {len(now):,})"
                lines.append(f"{more:,} {type_name(kind)} more than before {counts}")
                # Of those that came, some may stand where others were: not all are seen, but
                # enough.
                examples += sorted(now - was)[:MOST_EXAMPLES]
        if lines:
            lines += explained(lambda snapshot: why(snapshot, examples))
        return indented(lines)

    def close(self) -> None:
        self._before = None
