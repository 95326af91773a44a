"""Why objects are alive, asked of a snapshot of this process: the sentences of failure messages.

Takes addresses and no objects, so that the asking holds nothing. Ways read as `memexplorer why`
writes them.
"""

import re
from pathlib import Path
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
)

from ..snapshot import Snapshot, capture

__all__ = [
    "ASKING",
    "INDENT",
    "cycles_of",
    "explained",
    "facts",
    "holders",
    "indented",
    "instances_of",
    "ways",
    "why",
]

MOST_WAYS = 3  # to one object, in a message
MOST_SHAPES = 5  # of cycles
INDENT = "    "
# The way begins at a frame of this package, which asks; or at a word on a C stack, which says
# nothing.
OWN_FILES = "|".join(sorted(one.stem for one in Path(__file__).parent.glob("*.py")))
ASKING = re.compile(rf"thread \d+ (frame \S+ at ({OWN_FILES}|pytest_plugin)\.py:\d+|C stack 0x)")


def indented(lines: Sequence[str]) -> str:
    """The first line, and the others below it."""
    return f"\n{INDENT}".join(lines)


def explained(question: Callable[[Optional[Snapshot]], List[str]]) -> List[str]:
    """The answer. When there can be no snapshot it is asked with None: what is wrong is told
    anyway."""
    try:
        with capture() as snapshot:
            return question(snapshot)
    except Exception as error:
        return [*question(None), f"(who holds it is not known: {error})"]


class Facts(NamedTuple):
    """What a snapshot says of an object."""

    address: int
    type: str
    refcount: Optional[int]  #: None: immortal
    unexplained: Optional[int]  #: of these, references that were not found
    retained: int
    preview: str


def facts(snapshot: Snapshot, addresses: Iterable[int]) -> Dict[int, Facts]:
    """Of those addresses where an object is."""
    columns = ", ".join(Facts._fields)
    wanted = ", ".join(map(str, sorted(set(addresses))))
    rows = snapshot.sql(f"SELECT {columns} FROM objects WHERE address IN ({wanted})")
    return {row[0]: Facts(*row) for row in rows}


def ways(snapshot: Snapshot, address: int, most: int = MOST_WAYS) -> List[str]:
    """To the object, but not from those who ask."""
    chains = snapshot.why(address, paths=2 * most).chains
    return [one.text for one in chains if not ASKING.search(one.text)][:most]


def why(snapshot: Optional[Snapshot], addresses: Sequence[int]) -> List[str]:
    """Each object with its count, and the ways by which it is held."""
    lines: List[str] = []
    found = facts(snapshot, addresses) if snapshot and addresses else {}
    for one in map(found.get, addresses):
        if snapshot and one:
            line = f"{one.type} at {one.address:#x}"
            if one.refcount is not None:
                line += f", {one.refcount:,} reference{'' if one.refcount == 1 else 's'}"
            lines += [line, *(INDENT + way for way in ways(snapshot, one.address))]
    return lines


def holders(snapshot: Optional[Snapshot], address: int) -> List[str]:
    """Who holds an object; what is not found is native code's, or lost."""
    one = facts(snapshot, [address]).get(address) if snapshot else None
    if snapshot is None or one is None:
        return []
    lines = [INDENT + way for way in ways(snapshot, address)]
    if one.refcount is not None and one.unexplained is not None and one.unexplained > 0:
        known = f"{one.refcount - one.unexplained:,} of its {one.refcount:,} references were found"
        lines.insert(0, f"{INDENT}{known}: native code holds the rest, or has lost it")
    return lines


def cycles_of(addresses: Collection[int]) -> List[str]:
    """The shapes of the cycles that these objects, which wait for the collector, are on or hang
    on."""

    def question(snapshot: Optional[Snapshot]) -> List[str]:
        if snapshot is None:
            return []
        groups = [
            one for one in snapshot.garbage().groups if not _members(one).isdisjoint(addresses)
        ]
        lines = [
            one.shape + (f" ({one.cycles:,} times)" if one.cycles > 1 else "")
            for one in groups[:MOST_SHAPES]
        ]
        if len(groups) > MOST_SHAPES:
            lines.append(f"and cycles of {len(groups) - MOST_SHAPES:,} more shapes")
        return lines

    return explained(question)


def _members(group: Any) -> Set[int]:
    return {int(address, 16) for address in (*group.addresses, *group.held_addresses)}


def instances_of(kinds: Sequence[Set[int]]) -> List[Set[int]]:
    """For each set of types, by address, the addresses of the objects of these."""
    found: List[Set[int]] = []
    if not kinds:
        return found
    with capture() as snapshot:
        for types in kinds:
            wanted = ", ".join(map(str, sorted(types)))
            rows = snapshot.sql(
                "SELECT o.address FROM objects o WHERE o.type_id IN"
                f" (SELECT type_id FROM types WHERE address IN ({wanted}))"
            )
            found.append({row[0] for row in rows})
    return found
