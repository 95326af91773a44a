"""Why objects are alive, asked of a snapshot of this process: the sentences of failure messages.

Takes addresses and no objects, so that the asking holds nothing. Ways read as `memexplorer why` writes them.
"""

from contextlib import contextmanager
from typing import Callable, Collection, Iterator, List, Optional, Sequence, Set

from .._memexplorer import Heap
from ..snapshot import capture

__all__ = [
    "cycles_of",
    "explained",
    "holders",
    "indented",
    "instances_of",
    "picture",
    "why",
]

MOST_WAYS = 3  # to one object, in a message
MOST_SHAPES = 5  # of cycles
INDENT = "    "


def indented(lines: Sequence[str]) -> str:
    """The first line, and the others below it."""
    return f"\n{INDENT}".join(lines)


@contextmanager
def picture() -> Iterator[Heap]:
    """Everything in this process as it is now."""
    with capture() as snapshot:
        yield snapshot._heap


def explained(question: Callable[[Optional[Heap]], List[str]]) -> List[str]:
    """The answer. When there can be no snapshot it is asked with None: what is wrong is told anyway."""
    try:
        with picture() as heap:
            return question(heap)
    except Exception as error:
        return [*question(None), f"(who holds it is not known: {error})"]


def why(heap: Optional[Heap], addresses: Sequence[int]) -> List[str]:
    """Each object with its count, and the ways by which it is held."""
    lines: List[str] = []
    if heap is None:
        return lines
    for address, facts in zip(addresses, heap.object_rows(list(addresses))):
        if facts is not None:
            name, count = facts[0], facts[1]
            counted = f", {count:,} reference{'' if count == 1 else 's'}" if count >= 0 else ""
            lines.append(f"{name} at {address:#x}{counted}")
            lines += _ways(heap, address)
    return lines


def holders(heap: Optional[Heap], address: int) -> List[str]:
    """Who holds an object; what is not found is native code's, or lost."""
    facts = heap.object_rows([address])[0] if heap else None
    if heap is None or facts is None:
        return []
    _, count, found, _, _ = facts
    lines = _ways(heap, address)
    if 0 <= found < count:
        rest = "native code holds the rest, or has lost it"
        lines.insert(0, f"{INDENT}{found:,} of its {count:,} references were found: {rest}")
    return lines


def _ways(heap: Heap, address: int) -> List[str]:
    ways = heap.ways(address, MOST_WAYS)
    return [INDENT + way for _, way in ways[:MOST_WAYS]]


def cycles_of(addresses: Collection[int]) -> List[str]:
    """The shapes of the cycles that these objects, which wait for the collector, are on or hang on."""

    def question(heap: Optional[Heap]) -> List[str]:
        if heap is None:
            return []
        groups = [
            (shape, cycles)
            for shape, cycles, _, members in heap.garbage_rows()
            if not set(members).isdisjoint(addresses)
        ]
        lines = [
            shape + (f" ({cycles:,} times)" if cycles > 1 else "")
            for shape, cycles in groups[:MOST_SHAPES]
        ]
        if len(groups) > MOST_SHAPES:
            lines.append(f"and cycles of {len(groups) - MOST_SHAPES:,} more shapes")
        return lines

    return explained(question)


def instances_of(kinds: Sequence[Set[int]]) -> List[Set[int]]:
    """For each set of types, by address, the addresses of the objects of these."""
    found: List[Set[int]] = [set() for _ in kinds]
    if not kinds:
        return found
    with picture() as heap:
        rows = heap.instance_rows(sorted(set().union(*kinds)))
    for kind, address in rows:
        for types, addresses in zip(kinds, found):
            if kind in types:
                addresses.add(address)
    return found
