"""References found from outside against gc.get_referents(), object by object, in both directions.

    python tests/integration/traverse.py PYTHON     prints what differs, as JSON

A referent that tp_traverse reports twice counts twice. The comparison itself is agreement.c.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile
from typing import Counter, Dict, NamedTuple, Tuple

from processes import LIMIT_SECONDS, ROOT, TARGETS, running

AGREEMENT = os.environ.get("MEMEXPLORER_AGREEMENT", str(ROOT / "build/tests/integration/agreement"))
# Groups of types, see agreement.c.
NOT_GC = "(type without tp_traverse)"
CLASS = "(class)"
STATIC_CLASS = "(static class)"
INLINE_DICT = "(__dict__ over inline values)"


class Agreement(NamedTuple):
    objects: int
    reported: int  # references, by tp_traverse
    owned: int  # references found of the same objects
    missing: Counter[Tuple[str, str]]  # reported and not found: type, type of the referent
    untold: Counter[Tuple[str, str]]  # owned and not reported: type, label
    unnamed: Counter[Tuple[str, str]]  # words without a name: type, label


def agreement(pid: int, knowledge: str) -> Agreement:
    """Of the process that has written the file `knowledge`, see targets/self_knowledge.py."""
    done = subprocess.run(
        [AGREEMENT, str(pid), knowledge],
        capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True,
    )  # fmt: skip
    assert not done.stderr
    numbers: Dict[str, int] = {}
    groups: Dict[str, Counter[Tuple[str, str]]] = {
        name: collections.Counter() for name in ("missing", "untold", "unnamed")
    }
    for line in done.stdout.splitlines():
        what, *fields, count = line.split("\t")
        if what in groups:
            groups[what][fields[0], fields[1]] += int(count)
        else:
            numbers[what] = int(count)
    return Agreement(**numbers, **groups)


def compare(python: str) -> Agreement:
    with tempfile.TemporaryDirectory() as folder:
        knowledge = os.path.join(folder, "knowledge")
        with running(python, TARGETS / "everything.py", knowledge) as target:
            return agreement(target.pid, knowledge)


if __name__ == "__main__":
    for field, value in compare(sys.argv[1])._asdict().items():
        rows = value.most_common() if isinstance(value, collections.Counter) else [value]
        print(f"{field}:", *(json.dumps(row) for row in rows), sep="\n    ")
