"""What grows each time when something is done again and again: objects by type, and reference counts.

As CPython's regrtest -R does, but without a debug build's total of all counts: the count of every object
that the collector knows, of every static type and of the singletons is read by itself, so that what
grows has a name. A thing grows when it did in each of the runs that count, not when it has grown in all.

From 3.12 on None, True, (), small ints and static types are immortal: there are no counts to leak.
"""

import gc
import sys
from array import array
from contextlib import ExitStack
from typing import Any, Callable, Dict, List, Optional, Tuple

from .._memexplorer import Heap
from ..snapshot import Snapshot, capture
from .caches import Caches
from .collector import collect, type_name
from .explain import INDENT, explained, holders, indented, why

__all__ = ["RUNS", "WARM_UPS", "Growth", "Leaks", "assert_no_leaks", "examine"]

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE, a part of the stable ABI
IMMORTAL = (
    1 << 29
)  # counts from here on are marks: PEP 683, and 32-bit counts of free-threaded builds
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
        if kind not in seen:
            seen.add(kind)
            waiting += type.__subclasses__(kind)
            if not kind.__flags__ & HEAP_TYPE:
                found.append((f"the type {type_name(kind)}", kind))
    return [(name, one) for name, one in found if sys.getrefcount(one) < IMMORTAL]


class Growth:
    """What grew in every run that counted, and by how much in the last."""

    def __init__(self) -> None:
        self.types: Dict[type, int] = {}  # instances that the collector knows
        self.examples: Dict[type, List[int]] = {}  # addresses of the newest
        self.references: List[Tuple[str, int, int]] = []  # of what, its address, how many
        self.blocks = 0  # of memory that Python's allocator gave, of objects or not

    def __bool__(self) -> bool:
        return bool(self.types or self.references)


class _Moment:
    """What there was at the end of one run. Holds no object but types: numbers are in arrays, so that
    no count of a small int comes from here."""

    def __init__(self, uncollected: List[Tuple[str, object]]) -> None:
        self.blocks = sys.getallocatedblocks() - _immortal_strings()
        self.shared = array("q", [sys.getrefcount(one) for _, one in uncollected])
        objects = gc.get_objects()
        self._addresses = array("Q", map(id, objects))
        self._counts = array("q", map(sys.getrefcount, objects))
        types: Dict[type, int] = {}
        for kind in map(type, objects):
            types[kind] = types.get(kind, 0) + 1
        self._types = list(types)
        self._instances = array("q", types.values())

    @property
    def counts(self) -> Dict[int, int]:
        """Reference counts by address."""
        return dict(zip(self._addresses, self._counts))

    @property
    def types(self) -> Dict[type, int]:
        return dict(zip(self._types, self._instances))


class Leaks:
    """Counts after each run: `ran()`; what grew in all but the first of them: `growth()`."""

    def __init__(self, clear: Optional[Callable[[], Any]] = None) -> None:
        self._clear = clear
        self._caches = Caches()
        self._uncollected = _uncollected()
        self._last = _Moment(self._uncollected)  # what measuring itself takes is there from now on
        self._ready = False
        self._types: Optional[Dict[type, int]] = None
        self._counts: Optional[Dict[int, int]] = None
        self._least: Optional[array[int]] = None  # growth of each that everybody shares
        self._most = array("q")
        self._blocks: Optional[int] = None
        self._born: Dict[type, List[int]] = {}

    def settle(self) -> None:
        """Leave only what stays: caches emptied, garbage collected."""
        if self._clear is not None:
            self._clear()
        collect()
        objects = gc.get_objects()
        self._caches.clear(objects)
        del objects
        collect()

    def ran(self) -> None:
        """The next run is over. The first call, after the warm-ups, says where to count from."""
        self.settle()
        now = _Moment(self._uncollected)
        last, self._last = self._last, now
        ready, self._ready = self._ready, True
        if not ready:
            return
        before = last.counts
        self._types = _grown(self._types, last.types, now.types)
        self._counts = _grown_counts(self._counts, before, now.counts)
        shared = array("q", (b - a for a, b in zip(last.shared, now.shared)))
        if self._least is None:
            self._least = self._most = shared
        else:
            self._least = array("q", map(min, self._least, shared))
            self._most = array("q", map(max, self._most, shared))
        blocks = now.blocks - last.blocks
        self._blocks = blocks if self._blocks is None else min(self._blocks, blocks)
        self._born = _born(self._types, before)

    def growth(self) -> Growth:
        found = Growth()
        found.types = dict(self._types or {})
        found.examples = self._born
        found.blocks = max(0, self._blocks or 0)
        for (name, one), by, most in zip(self._uncollected, self._least or (), self._most):
            # Small ints come and go everywhere: one that is leaked grows by the same each time.
            if by > 0 and (by == most or type(one) is not int):
                found.references.append((name, id(one), by))
        self._name_references(found)
        return found

    def _name_references(self, found: Growth) -> None:
        """Of objects whose counts grew by more than the new objects account for."""
        grown = self._counts or {}
        if not grown:
            return
        by_new = _references_of_new(grown, self._born)
        for one in gc.get_objects():
            address = id(one)
            if address in grown and grown[address] > by_new.get(address, 0):
                found.references.append(
                    (_describe(one), address, grown[address] - by_new.get(address, 0))
                )


def _grown(
    so_far: Optional[Dict[type, int]], last: Dict[type, int], now: Dict[type, int]
) -> Dict[type, int]:
    keys = now if so_far is None else so_far
    deltas = {key: now.get(key, 0) - last.get(key, 0) for key in keys}
    return {key: by for key, by in deltas.items() if by > 0}


def _grown_counts(
    so_far: Optional[Dict[int, int]], last: Dict[int, int], now: Dict[int, int]
) -> Dict[int, int]:
    if so_far is None:
        return {a: n - last[a] for a, n in now.items() if last.get(a, n) < n < IMMORTAL}
    return {a: now[a] - last[a] for a in so_far if a in now and now[a] > last[a]}


def _born(types: Dict[type, int], last: Dict[int, int]) -> Dict[type, List[int]]:
    """Addresses of objects that came in the last run, of types that grow."""
    found: Dict[type, List[int]] = {kind: [] for kind in types}
    if types:
        for one in gc.get_objects():
            if type(one) in found and id(one) not in last:
                found[type(one)].append(id(one))
    return found


def _references_of_new(grown: Dict[int, int], born: Dict[type, List[int]]) -> Dict[int, int]:
    new = {address for addresses in born.values() for address in addresses}
    counts: Dict[int, int] = {}
    for one in gc.get_objects():
        if id(one) in new:
            for other in gc.get_referents(one):
                if id(other) in grown:
                    counts[id(other)] = counts.get(id(other), 0) + 1
            if not REFERS_TO_ITS_TYPE and id(type(one)) in grown:
                counts[id(type(one))] = counts.get(id(type(one)), 0) + 1
    return counts


def _describe(one: object) -> str:
    if isinstance(one, type):
        return f"the type {type_name(one)}"
    name = getattr(one, "__qualname__", None) or getattr(one, "__name__", None)
    kind = type_name(type(one))
    return f"{kind} {name}" if isinstance(name, str) else f"{kind} at {id(one):#x}"


# ---- in words -----------------------------------------------------------------------------------

MOST_NAMED = 5  # types, counts and places in a message
WARM_UPS, RUNS = 3, 4  # a cache that fills in steps has its next step seldom in four runs of four


def examine(
    run: Callable[[], bool],
    warmups: int = WARM_UPS,
    runs: int = RUNS,
    clear: Optional[Callable[[], Any]] = None,
) -> str:
    """What grows each time when `run` is called, or "". Ends early, with "", when it answers False."""
    leaks = Leaks(clear)
    for _ in range(warmups):
        if not run():
            return ""
    leaks.ran()
    for _ in range(runs):
        if not run():
            return ""
        leaks.ran()
    growth = leaks.growth()
    lines: List[str] = []
    if growth:
        lines = explained(lambda heap: _in_words(growth, heap))
    elif growth.blocks:
        lines = _untracked(run, leaks)
    if not lines:
        return ""
    return indented(
        [f"something more is left each time it runs ({warmups} + {runs} runs):", *lines]
    )


def _in_words(growth: Growth, heap: Optional[Heap]) -> List[str]:
    lines: List[str] = []
    types = sorted(growth.types.items(), key=lambda one: -one[1])
    for kind, by in types[:MOST_NAMED]:
        lines.append(f"+{by:,} {type_name(kind)} a run")
        lines += why(heap, growth.examples.get(kind, [])[-1:])
    if len(types) > MOST_NAMED:
        lines.append(f"and objects of {len(types) - MOST_NAMED} more types")
    # A small int is referred to from everywhere: its count says nothing where something else grows.
    named = [one for one in growth.references if not one[0].startswith("the int ")]
    references = sorted(named or (() if types else growth.references), key=lambda one: -one[2])
    for name, address, by in references[:MOST_NAMED]:
        lines.append(f"+{by:,} reference{'' if by == 1 else 's'} to {name} a run")
        lines += holders(heap, address)
    if len(references) > MOST_NAMED:
        lines.append(f"and references to {len(references) - MOST_NAMED} more objects")
    return lines


def _untracked(run: Callable[[], bool], leaks: Leaks) -> List[str]:
    """Blocks of memory grow, and no object that the collector knows: strings, bytes, numbers, or none."""
    first: Optional[Snapshot] = None
    last: Dict[str, int] = {}
    least: Dict[str, int] = {}  # that types grew by
    blocks = array("q", [0] * RUNS)
    for at in range(RUNS):
        if not run():
            return []
        leaks.settle()
        blocks[at] = sys.getallocatedblocks() - _immortal_strings()
        with ExitStack() as done:
            snapshot = capture()
            if first is None:
                first = snapshot
            else:
                done.enter_context(snapshot)
            now = _by_type(snapshot)
            if at > 0:
                least = _least_growth(least if at > 1 else now, last, now)
            if at == RUNS - 1:
                with first:
                    places = snapshot._heap.growth(first._heap)[3]
        last, now = now, {}
    lines = [f"+{by:,} {name} a run" for name, by in sorted(least.items())[:MOST_NAMED]]
    if lines:
        return lines + [f"{INDENT}{row[1]}" for row in places[:MOST_NAMED] if row[2] in least]
    if all(b > a for a, b in zip(blocks[1:], blocks[2:])):
        return [
            f"+{blocks[-1] - blocks[-2]:,} blocks of memory a run that are no objects: native code has"
            " them (PyMem_Malloc, PyObject_Malloc), or has lost them"
        ]
    return []


def _by_type(snapshot: Snapshot) -> Dict[str, int]:
    """How many objects there are of each type, those included that the collector does not know."""
    counts: Dict[str, int] = {}
    for name, count, _, _ in snapshot._heap.type_rows():
        counts[name] = counts.get(name, 0) + count
    return counts


def _least_growth(
    least: Dict[str, int], last: Dict[str, int], now: Dict[str, int]
) -> Dict[str, int]:
    grown = {name: min(least[name], now.get(name, 0) - last.get(name, 0)) for name in least}
    return {name: by for name, by in grown.items() if by > 0}


def assert_no_leaks(
    function: Callable[[], object],
    warmups: int = WARM_UPS,
    runs: int = RUNS,
    clear: Optional[Callable[[], Any]] = None,
) -> None:
    """Assert that nothing grows when a function is called again and again.

    `warmups` calls do not count; what grows in each of the `runs` calls after them fails. `clear` is
    called before each count: to empty caches that are meant to grow.
    """
    __tracebackhide__ = True

    def run() -> bool:
        function()
        return True

    problem = examine(run, warmups, runs, clear)
    if problem:
        raise AssertionError(problem)
