"""What `memexplorer export` writes, read by those whom it is written for."""

import csv
import io
import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple

import pytest
from processes import (
    LIMIT_SECONDS,
    PROGRAM,
    ROOT,
    TARGETS,
    Interpreter,
    Target,
    document,
    memexplorer,
    output,
    running,
    some,
)

pytestmark = pytest.mark.oldest_and_newest  # what is asked of a snapshot knows no versions

TARGET = TARGETS / "exported.py"
DRIVER = ROOT / "tests/devtools/retained.mjs"
CANNOT_BE_HAD = 3  # exit code of tools/get-npm
FIXED_NODES = 9  # before the objects: the root, (GC roots), the kinds of roots; (end) is behind
SYNTHETIC_IDS = 64 * 2
ELEMENT = 1  # type of an edge whose name is a number


@pytest.fixture(scope="session")
def worker() -> str:
    """Chrome DevTools' heap worker, as a module for node."""
    done = subprocess.run(
        [ROOT / "tools/get-npm", "devtools"], capture_output=True, text=True, check=False
    )
    if done.returncode == CANNOT_BE_HAD:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def lines(text: str) -> List[str]:
    """str.splitlines() ends lines at U+2028 as well, which stands in strings."""
    return text.split("\n")[:-1]


class Node(NamedTuple):
    id: int
    size: int
    retained: int
    dominator: int
    distance: int
    type: str
    class_name: str
    name: str


def devtools(worker: str, *arguments: object) -> str:
    """What DevTools made of it. That it warns of nothing is part of it."""
    done = subprocess.run(
        ["node", DRIVER, worker, *map(str, arguments)], capture_output=True, text=True,
        timeout=LIMIT_SECONDS, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def nodes_of(worker: str, path: Path) -> List[Node]:
    return [Node(*json.loads(line)) for line in lines(devtools(worker, path))]


def export_to(path: Path, pid: object, *arguments: object) -> Path:
    output("export", pid, "-o", path, *arguments)
    return path


def objects_of(pid: object) -> List[dict]:
    return [json.loads(line) for line in lines(output("export", pid, "--format", "jsonl"))]


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with running(sys.executable, TARGET) as target:
        yield target


@pytest.fixture(scope="module")
def objects(target: Target) -> Dict[str, dict]:
    return {record["address"]: record for record in objects_of(target.pid)}


# ---- .heapsnapshot ----------------------------------------------------------------------------


def test_devtools_finds_the_same_retained_size_and_dominator_of_every_object(
    interpreter: Interpreter, worker: str, tmp_path: Path
) -> None:
    with running(interpreter.path, TARGET) as target:
        path = export_to(tmp_path / "it.heapsnapshot", target.pid, "--format", "heapsnapshot")
        objects = objects_of(target.pid)
        shared = hex(target.facts["shared"])
    nodes = nodes_of(worker, path)
    ours = nodes[FIXED_NODES:-1]
    assert len(ours) == len(objects) > 30_000
    address_of = {node.id: record["address"] for node, record in zip(ours, objects)}
    assert len(address_of) == len(objects)  # no id twice
    wrong = []
    for node, record in zip(ours, objects):
        expected = (record["size"] + record["extra"], record["retained"], record["dominator"])
        if (node.size, node.retained, address_of.get(node.dominator)) != expected:
            wrong.append(f"{record['address']} {record['type']}: {node}, not {expected}")
    assert not wrong, some(wrong)
    assert nodes[0].retained == sum(node.size for node in ours)
    assert sum(node.retained > node.size for node in ours) > 20_000
    held = next(record for record in objects if record["address"] == shared)
    assert held["retained"] > 20_000


def test_ids_are_odd_and_those_of_the_same_object_later_are_the_same(
    worker: str, tmp_path: Path
) -> None:
    with running(sys.executable, TARGET) as target:
        before = export_to(tmp_path / "a.heapsnapshot", target.pid, "--format", "heapsnapshot")
        changed = json.loads(target.say("change"))
        after = export_to(tmp_path / "b.heapsnapshot", target.pid, "--format", "heapsnapshot")
        objects = objects_of(target.pid)
    compared = lines(devtools(worker, "--compare", before, after))
    classes = {diff["class"]: diff for diff in map(json.loads, compared)}
    id_of = {int(record["address"], 16): node.id
             for node, record in zip(nodes_of(worker, after)[FIXED_NODES:-1], objects)}  # fmt: skip
    slotted = classes.pop("__main__.Slotted")
    # What was freed and made again at the same place is the same object to DevTools.
    kept = set(changed["added"]) & set(changed["removed"])
    assert set(slotted["added"]) == {id_of[each] for each in set(changed["added"]) - kept}
    assert len(slotted["removed"]) == len(set(changed["removed"]) - kept)
    assert all(number % 2 for number in id_of.values())
    assert min(id_of.values()) >= SYNTHETIC_IDS
    # 40,000 other objects lived on: hardly any of them seems to have come or gone.
    others = sum(len(diff["added"]) + len(diff["removed"]) for diff in classes.values())
    assert others < 1_000, sorted(classes)
    assert not [name for name in classes if name in ("__main__.Node", "__main__.Object")]


def test_devtools_shows_values_types_and_labels(
    target: Target, objects: Dict[str, dict], worker: str, tmp_path: Path
) -> None:
    path = export_to(tmp_path / "it.heapsnapshot", target.pid, "--format", "heapsnapshot")
    nodes = nodes_of(worker, path)[FIXED_NODES:-1]
    by_address = dict(zip(objects, nodes))
    tree = by_address[hex(target.facts["tree"])]
    assert (tree.type, tree.name, tree.class_name) == ("object", "__main__.Node", "__main__.Node")
    assert tree.distance < 20
    names = {(node.type, node.class_name): node.name for node in nodes}
    assert ("object", "<module>") in names and ("object", "<class>") in names
    assert ("closure", "Function") in names and ("code", "(compiled code)") in names
    assert [node for node in nodes if node.name == "__main__.Object" and node.type == "object"]
    values = {node.name for node in nodes if node.type == "string"}
    assert '"quotes" and \\backslashes\\' in values
    assert "=1+1, \r\n a line, and another" in values
    assert any(value.startswith("x" * 200) for value in values)
    assert "a key that is a number" in values
    document = json.loads(path.read_text(encoding="utf-8"))
    edges = zip(document["edges"][::3], document["edges"][1::3])
    labels = {document["strings"][name] for kind, name in edges if kind != ELEMENT}
    assert {"tree", "children", "parent", "__proto__", "captured"} <= labels


def test_edges_that_count_nothing_are_weak(target: Target, objects: Dict[str, dict]) -> None:
    watched = objects[hex(target.facts["watched"])]
    held = {
        reference["ownership"]
        for record in objects.values()
        for reference in record["references"]
        if reference["address"] == watched["address"]
    }
    assert "owned" in held and held - {"owned"}
    assert watched["retained"] > 100_000


# ---- tables -----------------------------------------------------------------------------------


def table(pid: object, name: str, form: str) -> List[Dict[str, object]]:
    text = output("export", pid, "--format", form, "--table", name)
    if form == "jsonl":
        return [json.loads(line) for line in lines(text)]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_csv(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("name", ["references", "types", "roots", "blocks", "frames"])
def test_csv_and_jsonl_say_the_same(target: Target, name: str) -> None:
    records, rows = table(target.pid, name, "jsonl"), table(target.pid, name, "csv")
    assert len(records) == len(rows) > 0
    for line, row in zip(records, rows):
        assert {key: as_csv(value) for key, value in line.items()} == row


def test_tables_fit_together(target: Target, objects: Dict[str, dict]) -> None:
    rows = table(target.pid, "objects", "csv")
    assert [row["address"] for row in rows] == list(objects)
    types = {row["address"]: row for row in table(target.pid, "types", "csv")}
    assert sum(int(row["instances"]) for row in types.values()) == len(rows)
    total = sum(int(row["size"]) + int(row["extra"]) for row in rows)
    assert sum(int(row["bytes"]) for row in types.values()) == total
    references = table(target.pid, "references", "jsonl")
    assert len(references) == sum(len(record["references"]) for record in objects.values())
    assert all(reference["to"] in objects for reference in references)
    assert all(root["to"] in objects for root in table(target.pid, "roots", "jsonl"))


def test_hostile_names_come_back_as_they_are_shown(
    target: Target, objects: Dict[str, dict]
) -> None:
    shown = document("show", target.pid, hex(target.facts["hostile"]))
    labels = [
        reference["label"]
        for reference in shown["references"]
        if reference["label"] != ".__class__"  # of a static type: not counted
    ]
    mine = [reference["label"] for reference in objects[shown["address"]]["references"]]
    assert sorted(labels) == sorted(mine) and len(mine) >= 10
    rows = {row["address"]: row for row in table(target.pid, "objects", "csv")}
    for address, record in objects.items():
        assert (rows[address]["preview"], rows[address]["type"]) == (
            record["preview"],
            record["type"],
        )


def test_a_folder_gets_every_table(target: Target, tmp_path: Path) -> None:
    told = document("export", target.pid, "--format", "csv", "-o", tmp_path)
    names = {"objects", "references", "types", "roots", "blocks", "frames"}
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.csv" for name in names}
    for file in told["files"]:
        path = Path(file["path"])
        assert path.stat().st_size == file["bytes"]
        with path.open(newline="", encoding="utf-8") as text:
            assert len(list(csv.DictReader(text))) == file["records"]


# ---- drawings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hostile", "kept", "tree"])
def test_a_drawing_is_one_that_graphviz_takes(target: Target, name: str) -> None:
    text = output("export", target.pid, "--format", "dot", "--object", hex(target.facts[name]))
    assert text.count("tooltip=") > 3
    assert text.count("tooltip=") <= 200
    for line in text.splitlines():
        inside = line.replace("\\\\", "").replace('\\"', "")
        assert inside.count('"') % 2 == 0, line
    if shutil.which("dot"):
        subprocess.run(
            ["dot", "-Tsvg"], input=text, text=True, check=True, capture_output=True,
            timeout=LIMIT_SECONDS,
        )  # fmt: skip


# ---- files ------------------------------------------------------------------------------------


def test_a_file_is_its_owners_alone_and_appears_when_it_is_complete(
    target: Target, tmp_path: Path
) -> None:
    path = tmp_path / "it.csv"
    before = os.umask(0)
    try:
        export_to(path, target.pid, "--format", "csv", "--table", "types")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_no_half_file_under_the_name(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "it.heapsnapshot"
    path.write_text("before")
    command = [PROGRAM, "export", str(target.pid), "--format", "heapsnapshot", "-o", str(path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and len(list(tmp_path.iterdir())) < 2:
            pass
        process.kill()
    text = path.read_text(encoding="utf-8")
    assert text == "before" or json.loads(text)["strings"]  # it may have been quicker


def test_a_failure_leaves_what_was_there(target: Target, tmp_path: Path) -> None:
    path = tmp_path / "it.dot"
    path.write_text("before")
    done = memexplorer("export", target.pid, "--format", "dot", "--object", "0x10", "-o", path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    full = memexplorer("export", target.pid, "--format", "csv", "-o", "/dev/full")
    assert full.returncode == 12 and "No space left" in full.stderr
    assert Path("/dev/full").is_char_device()
    nowhere = memexplorer("export", target.pid, "--format", "csv", "-o", tmp_path / "no/it.csv")
    assert nowhere.returncode == 12 and "No such file" in nowhere.stderr
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
