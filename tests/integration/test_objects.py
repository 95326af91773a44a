"""Every object, size and reference that a process says it has is found from outside.

The process is targets/everything.py; what it knows of itself comes from gc.get_objects(),
gc.get_referents(), sys.getsizeof() and sys.getrefcount(), see targets/self_knowledge.py.
"""

import subprocess
from typing import Dict, Iterator, List, NamedTuple, Set, Tuple

import pytest
from processes import EDGES, LIMIT_SECONDS, TARGETS, Interpreter, objects_of, running, some

UNKNOWN_SIZE = -1  # self_knowledge.py
COUNTED_TWICE_312 = 1 << 31  # sys.getrefcount of an immortal object says this or more
DEFERRED_314 = (2**63 - 1) // 8  # and so much more of a deferred one, in free-threaded builds


class Known(NamedTuple):
    type: str
    size: int
    tracked: bool
    referents: Tuple[int, ...]


class Comparison(NamedTuple):
    """The process by its own account, and by ours."""

    known: Dict[int, Known]
    refcounts: Dict[int, int]
    found: Dict[int, dict]
    edges: Dict[int, Set[int]]  # owned and borrowed
    version: tuple

    def name(self, address: int) -> str:
        if address not in self.found:
            return f"{address:#x} (not found)"
        record = self.found[address]
        return f"{address:#x} {record['type']} {record['preview'][:80]}"


def read_knowledge(path: str) -> Dict[int, Known]:
    names: Dict[int, str] = {}
    lines = []
    with open(path) as file:
        for line in file:
            if line.startswith("type "):
                _, number, _, name = line.split(" ", 3)
                names[int(number)] = name.rstrip("\n")
            else:
                lines.append([int(word) for word in line.split()])
    return {
        address: Known(names[number], size, bool(tracked), tuple(referents))
        for address, number, size, tracked, *referents in lines
    }


def read_edges(pid: int) -> Dict[int, Set[int]]:
    done = subprocess.run(
        [EDGES, str(pid)], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True
    )
    edges: Dict[int, Set[int]] = {}
    for line in done.stdout.splitlines():
        address, *references = line.split()
        edges[int(address)] = {int(each[:-2]) for each in references if each[-1] != "w"}
    return edges


@pytest.fixture(scope="session")
def comparison(
    interpreter: Interpreter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Comparison]:
    path = tmp_path_factory.mktemp("knowledge") / "of_itself"
    with running(interpreter.path, TARGETS / "everything.py", path) as target:
        counts = {int(address): count for address, count in target.facts["refcounts"].items()}
        yield Comparison(
            read_knowledge(str(path)),
            counts,
            objects_of(target.pid),
            read_edges(target.pid),
            interpreter.version,
        )


@pytest.mark.one_of_a_kind
def test_every_object_that_the_target_lists_is_found(comparison: Comparison):
    missing = [
        f"{address:#x} {known.type}"
        for address, known in comparison.known.items()
        if address not in comparison.found
    ]
    assert len(comparison.known) > 50_000
    assert not missing, some(missing)


def test_type_names_are_those_of_python(comparison: Comparison):
    wrong = [
        f"{comparison.name(address)}: {known.type}"
        for address, known in comparison.known.items()
        if address in comparison.found and comparison.found[address]["type"] != known.type
    ]
    assert not wrong, some(wrong)


def test_sizes_are_those_of_getsizeof(comparison: Comparison):
    wrong = [
        f"{comparison.name(address)}: {comparison.found[address]['size']}, getsizeof {known.size}"
        for address, known in comparison.known.items()
        if known.size != UNKNOWN_SIZE
        and address in comparison.found
        and comparison.found[address]["size"] != known.size
    ]
    assert not wrong, some(wrong)


def test_tracked_is_what_gc_is_tracked_says(comparison: Comparison):
    wrong = [
        f"{comparison.name(address)}: {known.tracked}"
        for address, known in comparison.known.items()
        if address in comparison.found and comparison.found[address]["tracked"] != known.tracked
    ]
    assert not wrong, some(wrong)


def test_refcounts_are_those_of_getrefcount(comparison: Comparison):
    wrong = []
    for address, count in comparison.refcounts.items():
        record = comparison.found[address]
        if record["refcount"] is None:
            same = comparison.version >= (3, 12) and count >= COUNTED_TWICE_312
        else:
            same = record["refcount"] == (count - DEFERRED_314 if count > DEFERRED_314 else count)
        if not same:
            wrong.append(f"{comparison.name(address)}: {record['refcount']}, getrefcount {count}")
    assert len(comparison.refcounts) > 200
    assert not wrong, some(wrong)


def is_found(comparison: Comparison, start: int, end: int) -> bool:
    """Directly, or through objects that tp_traverse looks through."""
    direct = comparison.edges.get(start, set())
    if end in direct:
        return True
    for middle in direct:
        record = comparison.found[middle]
        seen_through = (
            not record["tracked"]  # the links of an lru_cache
            or record["type"] == "builtins.StgDict"  # to 3.12, of a ctypes class
            or (comparison.version[:3] == (3, 13, 0) and record["type"] == "builtins.dict")
        )
        if seen_through and end in comparison.edges.get(middle, ()):
            return True
    return False


def test_every_reference_that_tp_traverse_reports_is_found(comparison: Comparison):
    missing: List[str] = []
    for address, known in comparison.known.items():
        if address not in comparison.found:
            continue
        for referent in known.referents:
            if referent in comparison.found and not is_found(comparison, address, referent):
                missing.append(f"{comparison.name(address)} -> {comparison.name(referent)}")
    assert not missing, some(missing)
