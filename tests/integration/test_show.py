"""Threads, frames, values and the names of references are what the process itself says they are."""

import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

import pytest
from processes import TARGETS, Interpreter, Target, document, objects_of, output, running, some


@pytest.fixture(scope="module")
def shown(interpreter: Interpreter) -> Iterator[Target]:
    with running(interpreter.path, TARGETS / "shown.py") as target:
        yield target


def show(target: Target, name: str) -> Dict[str, Any]:
    return document("show", target.pid, hex(target.facts[name]))


def labels(references: List[dict], address: int) -> Set[str]:
    return {each["label"] for each in references if int(each["address"] or "0", 16) == address}


def referrer_labels(target: Target, name: str) -> Set[str]:
    return {each["label"] for each in show(target, name)["referrers"]}


def test_values_print_as_python_prints_them(shown: Target):
    objects = objects_of(shown.pid)
    wrong = [
        f"{objects[address]['preview']} instead of {text}"
        for address, text in shown.facts["samples"]
        if objects[address]["preview"] != text
    ]
    assert not wrong, some(wrong)


def test_frames_of_threads_are_those_of_current_frames(shown: Target):
    threads = {thread["ident"]: thread for thread in document("report", shown.pid)["threads"]}
    for ident, native_id, stack in shown.facts["threads"]:
        frames = [
            [frame["function"].split(".")[-1], frame["file"], frame["line"]]
            for frame in threads[ident]["frames"]
        ]
        assert frames == stack
        assert native_id in (None, threads[ident]["native_id"])  # 3.8 on have it
    ident, native_id = shown.facts["main"]
    assert threads[ident]["native_id"] == native_id == shown.pid
    assert [f["function"] for f in threads[ident]["frames"]][-2:] == ["main", "<module>"]
    assert len(threads) == len(shown.facts["threads"]) + 1


def test_kinds_are_said_in_words(shown: Target):
    file = shown.facts["file"].rsplit("/", 1)[-1]
    assert show(shown, "service")["kind"] == "instance"
    assert show(shown, "class")["kind"] == "class"
    assert show(shown, "module")["kind"] == "module"
    kind = show(shown, "function")["kind"]
    assert kind.startswith("function enclosing at ")
    assert kind.endswith(f"{file}:{shown.facts['line_of_enclosing']}")


def test_references_have_the_names_that_people_use(shown: Target):
    facts = shown.facts
    assert labels(show(shown, "sessions")["references"], facts["sessions_item"]) == {"[0]"}
    assert labels(show(shown, "by_name")["references"], facts["user"]) == {"['user:1']"}
    assert labels(show(shown, "service")["references"], facts["class"]) == {".__class__"}
    assert referrer_labels(shown, "sessions") & {".sessions", "['sessions']"}
    assert "local mine" in referrer_labels(shown, "local")


def test_what_a_closure_keeps_alive_is_named(shown: Target):
    cells = [
        each for each in show(shown, "captured")["referrers"] if each["type"] == "builtins.cell"
    ]
    assert len(cells) == 1
    cell = document("show", shown.pid, cells[0]["address"])
    assert cell["refcount"] == cell["found"] == 1


def test_referrers_are_all_there_is(shown: Target):
    sessions = show(shown, "sessions")
    objects = [each for each in sessions["referrers"] if each["address"]]
    assert sessions["refcount"] == sessions["found"] == len(objects) == 1


def shown_and_more(place: Any, address: str) -> List[int]:
    """Lines of references, then of referrers, and how many more each list says there are."""
    told = []
    for lines in output("show", place, address).split("\n\n")[1:3]:
        more = re.search(r"^\.\.\. ([\d,]+) more", lines, re.MULTILINE)
        shown = [line for line in lines.splitlines()[1:] if not line.startswith("...")]
        told.append(len(shown) + (int(more[1].replace(",", "")) if more else 0))
    return told


def test_it_is_said_how_many_more_there_are(shown: Target, tmp_path: Path):
    """Of a static class, its instances; of a process as it runs, and of its snapshot."""
    facts = shown.facts
    places = [shown.pid, tmp_path / "shown.mxs"]
    output("capture", shown.pid, "-o", places[1])
    addresses = [hex(facts[name]) for name in ("sessions", "class", "static class", "names")]
    for address in addresses:
        document_of = document("show", places[1], address)
        wanted = [len(document_of["references"]), len(document_of["referrers"])]
        assert [shown_and_more(place, address) for place in places] == [wanted, wanted]
    assert max(wanted) > 50 and wanted[0] > 50  # a dict


def test_the_permanent_generation_is_told(interpreter: Interpreter):
    with running(interpreter.path, TARGETS / "frozen.py") as target:
        assert show(target, "object")["generation"] == "permanent"
        assert show(target, "later")["generation"] == (None if interpreter.free_threaded else 0)
        assert document("report", target.pid)["gc"]["permanent"] == target.facts["frozen"]
