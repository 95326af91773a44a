"""What the collector would find, from outside: the very objects that it finds then.

The target (targets/garbage.py) makes garbage with the collector disabled, is looked at, and then
collects: what gc.DEBUG_COLLECTABLE prints is the unreachable set before any finalizer has run, what
gc.DEBUG_SAVEALL saves is what is left of it afterwards.
"""

import collections
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Set

import pytest
from processes import (
    LIMIT_SECONDS,
    ROOT,
    TARGETS,
    Interpreter,
    document,
    objects_of,
    output,
    running,
    some,
)
from test_objects import read_knowledge

TRAVERSED = os.environ.get("MEMEXPLORER_TRAVERSED", str(ROOT / "build/tests/integration/traversed"))
COLLECTABLE = re.compile(r"^gc: (?:un)?collectable <.* 0x([0-9a-f]+)>$", re.MULTILINE)


def addresses(group: dict) -> Set[int]:
    return {int(text, 16) for text in group["addresses"] + group["held_addresses"]}


class Unreached(NamedTuple):
    """What the graph of the same process hangs on the root "garbage"."""

    refcount: int
    referrers: List[int]  # one for each owned reference


def rows_of(pid: int, statement: str) -> List[dict]:
    return [json.loads(line) for line in output("sql", pid, statement, "--json").splitlines()]


def unreached_of(pid: int) -> Dict[int, Unreached]:
    unreached = {
        int(row["address"], 16): Unreached(row["refcount"], [])
        for row in rows_of(pid, "SELECT address, refcount FROM garbage")
    }
    references = """SELECT r.target_address, r.source_address FROM "references" r
        JOIN objects o ON o.object = r.target WHERE o.unreached AND r.ownership = 'owned'"""
    for row in rows_of(pid, references):
        unreached[int(row["target_address"], 16)].referrers.append(int(row["source_address"], 16))
    return unreached


class Garbage(NamedTuple):
    kind: str
    answer: dict  # of memexplorer garbage --json
    objects: Dict[int, dict]
    collectable: Set[int]
    saved: Set[int]
    unreached: Dict[int, "Unreached"]

    @property
    def found(self) -> Set[int]:
        return set().union(*map(addresses, self.answer["groups"]))

    def group(self, shape: str) -> dict:
        named = [group for group in self.answer["groups"] if group["shape"] == shape]
        assert len(named) == 1, [group["shape"] for group in self.answer["groups"]]
        return named[0]


@pytest.fixture(scope="module", params=["plain", "finalizers"])
def garbage(
    interpreter: Interpreter,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Garbage]:
    path = tmp_path_factory.mktemp("garbage") / "printed"
    program = TARGETS / "garbage.py"
    with running(interpreter.path, program, request.param, path, stderr=-3) as target:
        if target.line.startswith("skip"):
            pytest.skip(target.line[5:])
        answer, objects = document("garbage", target.pid), objects_of(target.pid)
        unreached = unreached_of(target.pid)
        saved = set(json.loads(target.say()))
        collectable = {int(text, 16) for text in COLLECTABLE.findall(path.read_text())}
        yield Garbage(request.param, answer, objects, collectable, saved, unreached)


def names(garbage: Garbage, differing: Set[int]) -> str:
    return some([
        f"{address:#x} {'found' if address in garbage.found else 'not found'} "
        f"{garbage.objects.get(address, {'type': '?'})['type']}"
        for address in sorted(differing)
    ])  # fmt: skip


def test_the_collector_finds_these_very_objects(garbage: Garbage) -> None:
    assert len(garbage.collectable) > (1500 if garbage.kind == "plain" else 60)
    assert garbage.found == garbage.collectable, names(garbage, garbage.found ^ garbage.collectable)


def test_what_is_saved_is_found_and_all_of_it_where_nothing_is_finalized(garbage: Garbage) -> None:
    assert garbage.saved <= garbage.found, names(garbage, garbage.saved - garbage.found)
    if garbage.kind == "plain":
        assert garbage.saved == garbage.found, names(garbage, garbage.found - garbage.saved)


def is_lost_with_its_dict(interpreter: Interpreter) -> bool:
    """Objects whose __dict__ is held are collected, values and all (CPython's gh-130327)."""
    return (3, 13) <= interpreter.version < (3, 13, 13) or (
        (3, 14) <= interpreter.version < (3, 14, 4)
    )


def freed_with(found: Set[int], unreached: Dict[int, Unreached]) -> Set[int]:
    """Objects whose references all come from these, or from such as are freed themselves."""
    gone: Set[int] = set(found)
    before = -1
    while len(gone) > before:
        before = len(gone)
        for address, each in unreached.items():
            if sum(referrer in gone for referrer in each.referrers) == each.refcount:
                gone.add(address)
    return gone - found


def test_no_root_leads_to_what_is_collected_and_freed_with_it(
    garbage: Garbage, interpreter: Interpreter
) -> None:
    missed = garbage.found - set(garbage.unreached)
    held = sorted(garbage.objects[address]["type"] for address in missed)
    if garbage.kind == "plain" and is_lost_with_its_dict(interpreter):
        assert held == ["__main__.Plain", "builtins.tuple"]  # kept_dict: `held` has its __dict__
    else:
        assert not missed, names(garbage, missed)
    freed = freed_with(garbage.found, garbage.unreached)
    assert len(freed) == garbage.answer["freed"], names(garbage, freed)
    # Cycles that only garbage holds without telling the collector: the next collection finds them.
    left = set(garbage.unreached) - garbage.found - freed
    assert {garbage.objects[address]["type"] for address in left} <= {
        "_io.BytesIO", "builtins.dict"  # of a BufferedRWPair, whose tp_traverse is its own alone
    }  # fmt: skip
    for address in left:
        assert set(garbage.unreached[address].referrers) <= set(garbage.unreached)
        assert left & set(garbage.unreached[address].referrers)


def test_every_object_is_in_one_group_with_its_bytes(garbage: Garbage) -> None:
    answer = garbage.answer
    assert sum(len(addresses(group)) for group in answer["groups"]) == len(garbage.found)
    assert len(garbage.found) == answer["objects"]
    assert sum(garbage.objects[address]["size"] for address in garbage.found) == answer["bytes"]
    for group in answer["groups"]:
        sizes = [garbage.objects[int(text, 16)]["size"] for text in group["addresses"]]
        assert (len(sizes), sum(sizes)) == (group["objects"], group["bytes"])
        assert int(group["example"], 16) in garbage.found
        assert all(garbage.objects[address]["tracked"] for address in addresses(group))


def test_groups_read_like_the_program(garbage: Garbage) -> None:
    assert not garbage.answer["collecting"]
    assert garbage.answer["enabled"] is False
    if garbage.kind == "plain":
        chain = garbage.group("__main__.Plain.next -> __main__.Plain.previous -> __main__.Plain")
        assert (chain["shortest"], chain["finalizers"]) == (
            len(chain["cycle"]) + (chain["shortest"] - 2), 0
        )  # fmt: skip
        slotted = garbage.group("__main__.Slotted.other -> __main__.Slotted")
        assert (slotted["cycles"], slotted["objects"]) == (1, 1)
    else:
        finalized = garbage.group("__main__.Finalized.me -> __main__.Finalized")
        assert (finalized["cycles"], finalized["finalizers"], finalized["finalized"]) == (2, 2, 0)
        again = garbage.group("__main__.Resurrected.me -> __main__.Resurrected")
        assert (again["cycles"], again["finalizers"], again["finalized"]) == (2, 1, 1)
        watched = garbage.group("__main__.Plain.me -> __main__.Plain")
        assert watched["callbacks"] == 2


# ---- who is told what -------------------------------------------------------------------------


class Told(NamedTuple):
    tracked: bool
    owned: List[int]
    possible: List[int]
    borrowed: List[int]


def read_told(pid: int) -> Dict[int, Told]:
    done = subprocess.run(
        [TRAVERSED, str(pid)], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True
    )
    told: Dict[int, Told] = {}
    for line in done.stdout.splitlines():
        address, tracked, *references = line.split()
        by_hold: Dict[str, List[int]] = {"o": [], "p": [], "b": []}
        for reference in references:
            to, hold, _ = reference.split(":", 2)
            by_hold[hold].append(int(to))
        told[int(address)] = Told(tracked == "1", by_hold["o"], by_hold["p"], by_hold["b"])
    return told


@pytest.mark.one_of_a_kind
def test_references_are_reported_as_often_as_tp_traverse_does(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    path = tmp_path / "of_itself"
    with running(interpreter.path, TARGETS / "everything.py", path) as target:
        told = read_told(target.pid)
    known = read_knowledge(str(path))
    wrong = []
    compared = 0
    for address, own in known.items():
        # The dicts in which the target collects what it knows go on changing.
        if address not in told or not told[address].tracked:
            continue
        ours = told[address]
        expected = collections.Counter(each for each in own.referents if each in told)
        # The module _asyncio is no known one: self_knowledge.py does not ask it everywhere.
        owned = collections.Counter(
            each for each in ours.owned if each in known or each in expected
        )
        at_most = owned + collections.Counter(ours.possible) + collections.Counter(ours.borrowed)
        compared += 1
        for each in (owned - expected) + (expected - at_most):
            kind = known[each].type if each in known else "?"
            wrong.append(
                f"{address:#x} {own.type} -> {kind}: reported {expected[each]}, taken for "
                f"{owned[each]}"
            )
    assert compared > 20_000
    assert not wrong, some(wrong)


# ---- collectors -------------------------------------------------------------------------------


def test_each_interpreter_has_garbage_of_its_own(interpreter: Interpreter) -> None:
    with running(interpreter.path, TARGETS / "two_collectors.py") as target:
        if target.line.startswith("skip"):
            pytest.skip(target.line[5:])
        answer = document("garbage", target.pid)
        (first_count, *first), (second_count, *second) = json.loads(target.say())
    found = set().union(*map(addresses, answer["groups"]))
    assert len(found) > 600
    assert len(found) == first_count + second_count
    if first == second and second_count:  # 3.9: both gc modules show the list of the first
        assert found >= set(first)
    else:
        assert found == set(first) | set(second)
    shapes = {group["shape"]: group["cycles"] for group in answer["groups"]}
    assert shapes["__main__.Inner.me -> list[...] -> __main__.Inner"] == 200


def test_a_collection_in_progress_is_said(interpreter: Interpreter) -> None:
    with running(interpreter.path, TARGETS / "collecting.py") as target:
        assert document("garbage", target.pid)["collecting"] is True
        assert document("cycles", target.pid)["collecting"] is True


def answers(place: object) -> List[dict]:
    """Of both commands, without how the memory was read, and what of it."""
    documents = [document(command, place) for command in ("garbage", "cycles")]
    for each in documents:
        del each["capture"], each["blind_spots"]  # test_core.py compares those of a report
    return documents


@pytest.mark.one_of_a_kind
@pytest.mark.skipif(not shutil.which("gdb"), reason="gdb is not installed")
def test_a_core_has_the_garbage_of_its_process(interpreter: Interpreter, tmp_path: Path) -> None:
    with running(
        interpreter.path, TARGETS / "garbage.py", "plain", tmp_path / "printed", stderr=-3
    ) as target:
        if target.line.startswith("skip"):
            pytest.skip(target.line[5:])
        os.kill(target.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        live = answers(target.pid)
        core = tmp_path / "core"
        subprocess.run(
            ["gdb", "-batch", "-nx", "-p", str(target.pid), "-ex", f"generate-core-file {core}"],
            check=True, capture_output=True, timeout=LIMIT_SECONDS,
        )  # fmt: skip
        try:
            assert answers(core) == live
        finally:
            core.unlink()


# ---- cycles -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cycles(interpreter: Interpreter) -> Iterator[dict]:
    with running(interpreter.path, TARGETS / "cycles.py") as target:
        # Without a GIL a function that ran a class body waits for the collector: it is deferred.
        garbage = document("garbage", target.pid)
        waiting = 1 if interpreter.free_threaded else 0
        assert garbage["objects"] <= waiting
        yield document("cycles", target.pid)


def count_of(groups: Dict[str, dict], part: str) -> int:
    return sum(group["cycles"] for shape, group in groups.items() if part in shape)


def test_held_cycles_are_grouped_by_shape(cycles: dict, interpreter: Interpreter) -> None:
    groups = {group["shape"]: group for group in cycles["groups"]}
    dicts = interpreter.version < (3, 11)  # an instance and its __dict__
    pairs = groups["__main__.Node.children -> list[...] -> __main__.Node.parent -> __main__.Node"]
    assert pairs["cycles"] == 10_000
    assert pairs["objects"] == 10_000 * (5 if dicts else 3)
    links = groups["__main__.Link.next -> __main__.Link.previous -> __main__.Link"]
    assert (links["objects"], links["shortest"], links["longest"]) == (30_000, 2, 2)
    rings = groups["__main__.Ring.next* -> __main__.Ring"]
    assert (rings["cycles"], rings["objects"]) == (2, 1007)
    assert (rings["shortest"], rings["longest"]) == (7, 1000)
    itself = groups["__main__.Itself.me -> __main__.Itself"]
    assert (itself["cycles"], itself["objects"]) == (300, 600 if dicts else 300)
    members = groups["__main__.Member.group -> list[...] -> __main__.Member"]
    assert members["cycles"] == 50_005
    assert members["objects"] == 50_005 * (2 if dicts else 1) + 6
    grouped = groups["__main__.Grouped.peers -> set{...} -> __main__.Grouped"]
    assert grouped["cycles"] == 40
    assert count_of(groups, "local holder -> list") == 10
    assert count_of(groups, "function.__closure__ -> tuple[...] -> cell") >= 20
    assert count_of(groups, "ValueError.__traceback__ -> traceback") == 15
    assert not [shape for shape in groups if "Registry" in shape or "module" in shape]


def test_examples_of_a_shape_can_be_looked_at(cycles: dict) -> None:
    for group in cycles["groups"]:
        assert group["example"] == group["cycle"][0]["address"]
        assert len(group["addresses"]) == group["objects"]
        assert len(set(group["addresses"])) == group["objects"]


def test_the_sessions_of_the_example_service_need_the_collector_once_they_are_let_go() -> None:
    with running(sys.executable, ROOT / "examples/service.py", "--seconds", "60") as target:
        held = document("cycles", target.pid, "--type", "Session")["groups"]
        follows = [
            group for group in held if "__main__.Session.follows -> list[...]" in group["shape"]
        ]
        assert sum(group["cycles"] for group in follows) > 50
        # The cache keeps every session, so that none of them is garbage; connections are.
        garbage = document("garbage", target.pid)
        assert not [group for group in garbage["groups"] if "Session." in group["shape"]]
