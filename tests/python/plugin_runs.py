"""Modules of tests, run in a pytest of their own, and what became of each test."""

import json
import textwrap
from typing import Dict, NamedTuple, Optional, Set

import pytest

NODES = """
import gc
import pytest

class Node:
    def __init__(self):
        self.child = self.parent = None

def pair():
    one, other = Node(), Node()
    one.child, other.parent = other, one
    return one

HELD = []
TEXTS = []
leaks = pytest.mark.no_leaks(runs=3, warmups=1)
"""


# In the folder of the tests: notes what became of each. pytester's own recorder keeps all hook
# calls.
NOTES = """
import json

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        facts = {"name": report.nodeid.partition("::")[2], "outcome": report.outcome}
        facts.update(when=report.when, text=report.longreprtext)
        facts["xfail"] = getattr(report, "wasxfail", None)
        with open("notes", "a") as notes:
            notes.write(json.dumps(facts) + "\\n")
"""


class Note(NamedTuple):
    """What became of a test."""

    name: str
    outcome: str
    when: str
    text: str
    xfail: Optional[str]


Notes = Dict[str, Note]


@pytest.fixture
def results(pytester: pytest.Pytester):
    """Runs a module of tests in a pytest of its own."""

    def run(code: str, *options: str) -> Notes:
        code = "from app import *\n" + textwrap.dedent(code)
        pytester.makepyfile(app=NODES, test_it=code, conftest=NOTES)
        plugins = ("no:cacheprovider", "no:asyncio") if "asyncio" not in code else ()
        off = [word for plugin in plugins for word in ("-p", plugin)]
        done = pytester.runpytest_subprocess(*off, *options, "test_it.py")
        assert done.ret in (0, 1), done.outlines
        lines = (pytester.path / "notes").read_text().splitlines()
        return {note.name: note for note in (Note(**json.loads(line)) for line in lines)}

    return run


def passed(found: Notes) -> Set[str]:
    return {note.name for note in found.values() if note.outcome == "passed"}


def is_the_pair(text: str) -> bool:
    """Does it name the attributes that close the cycle of pair()?"""
    shapes = (
        "app.Node.child -> app.Node.parent -> app.Node",
        "app.Node.parent -> app.Node.child -> app.Node",
    )
    return any(shape in text for shape in shapes)


def failure(note: Note) -> str:
    assert note.outcome == "failed"
    assert note.when == "call"
    return note.text
