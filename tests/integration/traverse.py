"""References found from outside against gc.get_referents(), object by object, in both directions.

    python tests/integration/traverse.py PYTHON     prints counts as JSON

A referent that tp_traverse reports twice counts twice.
"""

import collections
import json
import subprocess
import sys
import tempfile
from typing import Counter, Dict, List, NamedTuple, Tuple

from processes import EDGES, LIMIT_SECONDS, TARGETS, running

Found = Dict[int, Tuple[str, List[Tuple[str, int, str]]]]  # address -> type, (hold, to, label)


class Agreement(NamedTuple):
    objects: int
    referents: int
    missing: Counter[str]  # reported by tp_traverse and not found, by type
    untold: Counter[str]  # owned and not reported, by label; "not a GC type" apart
    unnamed: Counter[str]  # words without a name, by type


def read_found(pid: int) -> Found:
    command = [EDGES, str(pid), "labels"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    found: Found = {}
    for line in done.stdout.splitlines():
        mark, address, text = line.split(" ", 2)
        if mark == "@":
            references: List[Tuple[str, int, str]] = []
            found[int(address)] = (text, references)
        else:
            references.append((mark, int(address), text))
    return found


def kind_of(label: str) -> str:
    return "[item]" if label[0] == "[" else "{key}" if label.startswith("{key") else label


def compare(python: str) -> Agreement:
    with tempfile.NamedTemporaryFile() as file:
        with running(python, TARGETS / "everything.py", file.name) as target:
            found = read_found(target.pid)
        lines = open(file.name).read().splitlines()  # noqa: SIM115
    has_gc = {line.split()[1]: line.split()[2] == "1" for line in lines if line[0] == "t"}
    missing: Counter[str] = collections.Counter()
    untold: Counter[str] = collections.Counter()
    known = [line.split() for line in lines if line[0] != "t"]
    for address, number, _, _, *referents in known:
        name, references = found.get(int(address), ("?", []))
        left = collections.Counter(map(int, referents))
        for hold, to, label in references:
            if hold != "w" and left[to] > 0:
                left[to] -= 1
            elif hold == "o":
                untold[kind_of(label) if has_gc[number] else "not a GC type"] += 1
        missing[name] += sum(count for to, count in left.items() if to in found)
    unnamed = collections.Counter(
        name for name, told in found.values() for _, _, label in told if "word +0x" in label
    )
    reported = sum(len(words) - 4 for words in known)
    return Agreement(len(known), reported, +missing, untold, unnamed)


if __name__ == "__main__":
    print(json.dumps(compare(sys.argv[1])._asdict(), indent=1))
