"""What grows each time when something is done again and again: objects by type, and reference
counts.

As CPython's regrtest -R does, but without a debug build's total of all counts: the count of every
object that the collector knows, of every static type and of the singletons is read by itself, so
that what grows has a name. A thing grows when it did in each of the runs that count, not when it
has grown in all.

From 3.12 on None, True, (), small ints and static types are immortal: there are no counts to leak.
"""

import gc
import sys
from array import array
from collections import Counter
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from ..snapshot import Snapshot, capture
from .caches import Caches
from .collector import collect, type_name
from .explain import ASKING, INDENT, explained, holders, indented, why

__all__ = ["RUNS", "WARM_UPS", "Growth", "Leaks", "assert_no_leaks", "examine"]

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE, a part of the stable ABI
# From here on a count is a mark: PEP 683, with 32 bits or 64. What is a part of 3.11's program has
# 999,999,999 from the start, and is counted all the same.
IMMORTAL = 1 << 29 if sys.version_info >= (3, 12) else sys.maxsize
MOST_GROWN = 1 << 16  # objects that are followed through all runs; 1 MiB of memory
REFERS_TO_ITS_TYPE = sys.version_info >= (3, 9)  # an instance tells the collector of it (bpo-40217)

_internedsize = getattr(sys, "getunicodeinternedsize", None)


def _immortal_strings() -> int:
    """Interned strings that are never freed again (3.12 on), and no leak of the test."""
    if _internedsize is None:
        return 0
    try:
        return _internedsize(_only_immortal=True)
    except TypeError:  # 3.12
        return _internedsize()


def _uncollected() -> List[Tuple[str, object]]:
    """What the collector does not know and everybody shares: singletons and static types."""
    found: List[Tuple[str, object]] = [
        (repr(one), one)
        for one in (None, True, False, Ellipsis, NotImplemented, (), "", b"", frozenset())
    ]
    found += [(f"the int {number}", number) for number in range(-5, 257)]
    waiting: List[type] = [object]
    seen = set()
    while waiting:
        kind = waiting.pop()
        if id(kind) not in seen:  # a metaclass may have a hash of its own, which says something
            seen.add(id(kind))
            waiting += type.__subclasses__(kind)
            if not kind.__flags__ & HEAP_TYPE:
                found.append((f"the type {type_name(kind)}", kind))
    return [(name, one) for name, one in found if sys.getrefcount(one) < IMMORTAL]


class Growth:
    """What grew in every run that counted, and by how much in the last."""

    def __init__(self) -> None:
        self.types: Dict[type, int] = {}  # instances that the collector knows
        self.examples: Dict[type, List[int]] = {}  # addresses of those that came in the last run
        self.references: List[Tuple[str, int, int]] = []  # to what, its address, how many
        self.blocks = 0  # of memory that Python's allocator gave, of objects or not

    def __bool__(self) -> bool:
        return bool(self.types or self.references)


class _Moment:
    """What there was at the end of one run, in numbers: it holds no object, and no count of a small
    int comes from here."""

    def __init__(self, uncollected: List[Tuple[str, object]]) -> None:
        self.blocks = sys.getallocatedblocks() - _immortal_strings()
        self.shared = array("q", [sys.getrefcount(one) for _, one in uncollected])
        objects = gc.get_objects()
        self._addresses = array("Q", map(id, objects))
        self._counts = array("q", map(sys.getrefcount, objects))
        types = Counter(map(id, map(type, objects)))
        self._types = array("Q", types)
        self._instances = array("q", types.values())

    @property
    def counts(self) -> Dict[int, int]:
        """Reference counts by address."""
        return dict(self.count_pairs())

    def count_pairs(self) -> Iterable[Tuple[int, int]]:
        return zip(self._addresses, self._counts)

    @property
    def types(self) -> Dict[int, int]:
        """How many instances of the type at an address."""
        return dict(zip(self._types, self._instances))


class _Grown:
    """By how much what is at an address grew in each run. The room for it is taken once:
    remembering it later takes no block of memory, which would be taken for the test's."""

    def __init__(self) -> None:
        self._addresses = array("Q", bytes(8 * MOST_GROWN))
        self._by = array("q", bytes(8 * MOST_GROWN))
        self._length = array("q", [0])

    def narrow(self, last: Dict[int, int], now: Iterable[Tuple[int, int]], first: bool) -> None:
        """Leave those that grew from `last` to `now`, too; or all that did, the first time."""
        grown = ((address, n - last.get(address, 0)) for address, n in now)
        if not first:
            before = frozenset(self._addresses[: self._length[0]])
            grown = ((address, n - last.get(address, 0)) for address, n in now if address in before)
        left = [item for item in grown if item[1] > 0][:MOST_GROWN]
        self._length[0] = len(left)
        self._addresses[: len(left)] = array("Q", [address for address, _ in left])
        self._by[: len(left)] = array("q", [by for _, by in left])

    @property
    def by(self) -> Dict[int, int]:
        """By how much in the last run."""
        return dict(zip(self._addresses[: self._length[0]], self._by[: self._length[0]]))


class Leaks:
    """Counts after each run: `begin()` before them, then `ran()`; `growth()` is what all of them
    had."""

    def __init__(self, clear: Optional[Callable[[], Any]] = None) -> None:
        self._clear = clear
        self._caches = Caches()
        self._uncollected = _uncollected()
        self._last = self._before = _Moment(self._uncollected)
        self._types, self._counts = _Grown(), _Grown()
        # The least and the most growth of what everybody shares, and the least of blocks.
        self._least = self._most = array("q", bytes(8 * len(self._uncollected)))
        self._blocks = array("q", [0])

    def settle(self) -> None:
        """Leave only what stays: caches emptied, garbage collected."""
        if self._clear is not None:
            self._clear()
        collect()
        objects = gc.get_objects()
        self._caches.clear(objects)
        del objects
        collect()

    def begin(self) -> None:
        """The warm-ups are over: count from here."""
        self._before = self._last
        self.settle()
        self._last = _Moment(self._uncollected)
        self.ran(first=True)  # what measuring leaves is there from now on
        self.settle()
        self._before, self._last = self._last, _Moment(self._uncollected)

    def ran(self, first: bool = False) -> None:
        """The next run is over, after begin() the first."""
        self.settle()
        last, now = self._last, _Moment(self._uncollected)
        self._before, self._last = last, now
        # An object that was not there, or that is not counted, does not have more references than
        # before.
        counts = last.counts
        there = ((a, n) for a, n in now.count_pairs() if counts.get(a, IMMORTAL) < n < IMMORTAL)
        self._counts.narrow(counts, there, first)
        self._types.narrow(last.types, now.types.items(), first)
        shared = array("q", (b - a for a, b in zip(last.shared, now.shared)))
        self._least = shared if first else array("q", map(min, self._least, shared))
        self._most = shared if first else array("q", map(max, self._most, shared))
        blocks = now.blocks - last.blocks
        self._blocks[0] = blocks if first else min(self._blocks[0], blocks)

    def growth(self) -> Growth:
        found = Growth()
        found.blocks = max(0, self._blocks[0])
        self._name_types(found)
        self._name_references(found)
        return found

    def _name_types(self, found: Growth) -> None:
        grown = self._types.by
        if not grown:
            return
        old = self._before.counts
        for one in gc.get_objects():
            kind = type(one)
            if id(kind) in grown:
                found.types[kind] = grown[id(kind)]
                if id(one) not in old:
                    found.examples.setdefault(kind, []).append(id(one))

    def _name_references(self, found: Growth) -> None:
        """Of what has more references each time, beyond those from new objects."""
        grown = self._counts.by
        for (_, one), by, most in zip(self._uncollected, self._least, self._most):
            # Small ints come and go everywhere: one that is leaked grows by the same each time.
            if by > 0 and (by == most or type(one) is not int):
                grown[id(one)] = by
        if not grown:
            return
        for address, by in _references_of_new(found.examples).items():
            if address in grown:
                grown[address] -= by
        shared = [(id(one), name) for name, one in self._uncollected]
        for address, name in shared:
            if grown.get(address, 0) > 0:
                found.references.append((name, address, grown.pop(address)))
        for one in gc.get_objects():
            if grown.get(id(one), 0) > 0:
                found.references.append((_describe(one), id(one), grown[id(one)]))


def _references_of_new(born: Dict[type, List[int]]) -> Dict[int, int]:
    """How often objects refer to each address; so do dicts and tuples of theirs that the collector
    has stopped to track, since they hold nothing that it knows."""
    new = {address for addresses in born.values() for address in addresses}
    counts: Dict[int, int] = {}
    for one in gc.get_objects():
        if id(one) not in new:
            continue
        waiting = [one]
        while waiting:
            holder = waiting.pop()
            for other in gc.get_referents(holder):
                counts[id(other)] = counts.get(id(other), 0) + 1
                if type(other) in (dict, tuple) and not gc.is_tracked(other):
                    waiting.append(other)
        if not REFERS_TO_ITS_TYPE:
            counts[id(type(one))] = counts.get(id(type(one)), 0) + 1
    return counts


def _describe(one: object) -> str:
    if isinstance(one, type):
        return f"the type {type_name(one)}"
    name = getattr(one, "__qualname__", None) or getattr(one, "__name__", None)
    kind = type_name(type(one))
    return f"{kind} {name}" if isinstance(name, str) else f"{kind} at {id(one):#x}"


# ---- in words -----------------------------------------------------------------------------------

MOST_TYPES = 1 << 16  # that are told apart where the collector does not help; 2 MiB of memory
MOST_NAMED = 5  # types and counts in a message
MOST_PLACES = 2  # where strings and the like hang
LOST = "lost "  # before the type of objects that nothing refers to
WARM_UPS, RUNS = 3, 4  # a cache that fills in steps has its next step seldom in four runs of four


def examine(
    run: Callable[[], bool],
    warmups: int = WARM_UPS,
    runs: int = RUNS,
    clear: Optional[Callable[[], Any]] = None,
) -> str:
    """What grows each time when `run` is called, or "". Ends early, with "", when it answers
    False."""
    leaks = Leaks(clear)
    for _ in range(warmups):
        if not run():
            return ""
    leaks.begin()
    for number in range(runs):
        if not run():
            return ""
        leaks.ran(first=number == 0)
    growth = leaks.growth()
    lines: List[str] = []
    if growth:
        lines = explained(lambda snapshot: _in_words(growth, snapshot))
    elif growth.blocks:
        lines = _untracked(run, leaks)
    if not lines:
        return ""
    return indented(
        [f"something more is left each time it runs ({warmups} + {runs} runs):", *lines]
    )


def _in_words(growth: Growth, snapshot: Optional[Snapshot]) -> List[str]:
    lines: List[str] = []
    types = sorted(growth.types.items(), key=lambda one: -one[1])
    for kind, by in types[:MOST_NAMED]:
        lines.append(f"+{by:,} {type_name(kind)} a run")
        lines += why(snapshot, growth.examples.get(kind, [])[-1:])
    if len(types) > MOST_NAMED:
        lines.append(f"and objects of {len(types) - MOST_NAMED} more types")
    # A small int is referred to from everywhere: its count says nothing where something else grows.
    named = [one for one in growth.references if not one[0].startswith("the int ")]
    references = sorted(named or (() if types else growth.references), key=lambda one: -one[2])
    for name, address, by in references[:MOST_NAMED]:
        lines.append(f"+{by:,} reference{'' if by == 1 else 's'} to {name} a run")
        lines += holders(snapshot, address)
    if len(references) > MOST_NAMED:
        lines.append(f"and references to {len(references) - MOST_NAMED} more objects")
    return lines


def _untracked(run: Callable[[], bool], leaks: Leaks) -> List[str]:
    """Blocks of memory grow, and no object that the collector knows: strings, bytes, numbers, or
    none."""
    first: Optional[Snapshot] = None
    names: Dict[str, int] = {}  # of types, in arrays: what is kept here must not grow, either
    counts = [array("q", [0] * MOST_TYPES) for _ in range(RUNS)]
    for at in range(RUNS):
        if not run():
            return []
        leaks.settle()
        snapshot = capture()
        _count_types(snapshot, names, counts[at])
        if first is None:
            first = snapshot
        elif at < RUNS - 1:
            snapshot.close()
    with snapshot, first:
        places = first.diff(snapshot).places
    grown = _grown_each_time(names, counts[1:])  # the first time, there were no counts before it
    lost = {name: grown.pop(LOST + name) for name in list(names) if LOST + name in grown}
    if lost:
        lines = [f"+{more:,} {name} a run" for name, more in sorted(lost.items())[:MOST_NAMED]]
        return [*lines, INDENT + "nothing refers to them: native code has lost its references"]
    if grown:
        lines = [f"+{more:,} {name} a run" for name, more in sorted(grown.items())[:MOST_NAMED]]
        grew = {
            one.path: one.all[1].objects - one.all[0].objects
            for one in places
            if one.type in grown and not ASKING.search(one.path)
        }
        ways = [way for way in sorted(grew, key=lambda way: -grew[way]) if grew[way] >= RUNS - 1]
        return lines + [INDENT + way for way in ways[:MOST_PLACES]]
    return []  # blocks that are no objects come and go with caches: they prove nothing


def _count_types(snapshot: Snapshot, names: Dict[str, int], counts: "array[int]") -> None:
    """How many objects there are of each type, those included that the collector does not know, and
    by themselves those that nothing refers to."""
    found = list(snapshot.types.select("type", "objects"))
    for holder, name, count in snapshot.findings.select("holder", "type", "object_count"):
        if holder == "unreached":
            found.append((LOST + name, count))
    for name, count in found:
        at = names.setdefault(name, len(names))
        if at < len(counts):
            counts[at] += count


def _grown_each_time(names: Dict[str, int], counts: List["array[int]"]) -> Dict[str, int]:
    grown: Dict[str, int] = {}
    for name, at in names.items():
        each = [count[at] for count in counts] if at < MOST_TYPES else [0]
        by = min((b - a for a, b in zip(each, each[1:])), default=0)
        if by > 0:
            grown[name] = by
    return grown


def assert_no_leaks(
    function: Callable[[], object],
    warmups: int = WARM_UPS,
    runs: int = RUNS,
    clear: Optional[Callable[[], Any]] = None,
) -> None:
    """Assert that nothing grows when a function is called again and again.

    `warmups` calls do not count; what grows in each of the `runs` calls after them fails. `clear`
    is called before each count: to empty caches that are meant to grow.
    """
    __tracebackhide__ = True

    def run() -> bool:
        function()
        return True

    problem = examine(run, warmups, runs, clear)
    if problem:
        raise AssertionError(problem)
