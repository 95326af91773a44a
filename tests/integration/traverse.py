"""References found from outside against gc.get_referents(), object by object, in both directions.

    python tests/integration/traverse.py PYTHON     prints what differs, as JSON

A referent that tp_traverse reports twice counts twice.
"""

import collections
import json
import subprocess
import sys
import tempfile
from typing import Counter, Dict, List, NamedTuple, Tuple

from processes import EDGES, LIMIT_SECONDS, TARGETS, running

NOT_GC = "(type without tp_traverse)"
CLASS = "(class)"
STATIC_CLASS = "(static class)"
INLINE_DICT = "(__dict__ over inline values)"


class Known(NamedTuple):
    """An object as the process itself knows it."""

    has_gc: bool
    referents: Counter[int]  # as tp_traverse reports them, addresses


class Found(NamedTuple):
    """The same object from outside."""

    type: str
    references: List[Tuple[str, int, str]]  # hold, to, label


class Agreement(NamedTuple):
    objects: int
    referents: int
    missing: Counter[Tuple[str, str]]  # reported by tp_traverse and not found: type, type of it
    untold: Counter[Tuple[str, str]]  # owned and not reported: type, label
    unnamed: Counter[Tuple[str, str]]  # words without a name: type, label


def read_found(pid: int) -> Dict[int, Found]:
    done = subprocess.run(
        [EDGES, str(pid), "labels"],
        capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True,
    )  # fmt: skip
    assert not done.stderr
    found: Dict[int, Found] = {}
    for line in done.stdout.splitlines():
        mark, address, text = line.split(" ", 2)
        if mark == "@":
            references: List[Tuple[str, int, str]] = []
            found[int(address)] = Found(text, references)
        else:
            references.append((mark, int(address), text))
    return found


def read_known(text: str) -> Dict[int, Known]:
    lines = [line.split() for line in text.splitlines()]
    has_gc = {line[1]: line[2] == "1" for line in lines if line[0] == "type"}
    return {
        int(address): Known(has_gc[number], collections.Counter(map(int, referents)))
        for address, number, _, _, *referents in lines
        if address != "type"
    }


def kind_of(label: str) -> str:
    if label[0] == "[" and label[1] not in "'\"":
        return "[item]"
    return "{key}" if label.startswith("{key") else label


def in_order(reference: Tuple[str, int, str]) -> Tuple[bool, bool]:
    """An owned reference is the one that was reported; of a key and its value, the value."""
    hold, _, label = reference
    return hold != "o", label.startswith("{key")


def group_of(known: Known, found: Found) -> str:
    """The name of its type, or what classes have in common whatever their metaclass is."""
    if not known.has_gc:
        return NOT_GC
    if any(label == ".__mro__" for _, _, label in found.references):
        return CLASS if known.referents else STATIC_CLASS
    if found.type == "builtins.dict" and found.references and not known.referents:
        return INLINE_DICT
    return found.type


def compare(python: str) -> Agreement:
    with tempfile.NamedTemporaryFile("r") as file:
        with running(python, TARGETS / "everything.py", file.name) as target:
            found = read_found(target.pid)
        known = read_known(file.read())
    missing: Counter[Tuple[str, str]] = collections.Counter()
    untold: Counter[Tuple[str, str]] = collections.Counter()
    for address, object_ in known.items():
        other = found.get(address, Found("not found", []))
        name, left = group_of(object_, other), object_.referents.copy()
        for hold, to, label in sorted(other.references, key=in_order):
            if hold != "w" and left[to] > 0:
                left[to] -= 1
            elif hold == "o":
                untold[name, kind_of(label) if object_.has_gc else ""] += 1
        for to, count in (+left).items():
            missing[name, found[to].type if to in found else "not found"] += count
    unnamed = collections.Counter(
        (name, label)
        for name, references in found.values()
        for _, _, label in references
        if "word +0x" in label
    )
    reported = sum(sum(object_.referents.values()) for object_ in known.values())
    return Agreement(len(known), reported, missing, untold, unnamed)


if __name__ == "__main__":
    for field, value in compare(sys.argv[1])._asdict().items():
        rows = value.most_common() if isinstance(value, collections.Counter) else [value]
        print(f"{field}:", *(json.dumps(row) for row in rows), sep="\n    ")
