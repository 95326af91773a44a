"""Every reference count is explained by the references found, but for what C code holds.

A C function that waits for the target's next line holds its arguments; so does the one that runs a
thread. No object may have more references than its count says: that would be our error.
"""

import subprocess

import pytest
from processes import ROOT, TARGETS, Interpreter, check_refcounts, running


@pytest.mark.parametrize(
    "program",
    [
        "threads.py",
        "generators.py",
        "deep.py",
        "frozen.py",
        "disabled.py",
        "subinterpreter.py",
        "importing.py",
    ],
)
def test_refcounts_are_explained_in(program: str, interpreter: Interpreter):
    with running(interpreter.path, TARGETS / program) as target:
        check_refcounts(target.pid)


def test_refcounts_are_explained_in_an_asyncio_service_under_load(interpreter: Interpreter):
    service = [interpreter.path, ROOT / "examples" / "service.py", "--seconds", "60"]
    with running(*service, stderr=subprocess.DEVNULL) as target:
        check_refcounts(target.pid)


def test_refcounts_are_explained_with_objects_of_every_kind(interpreter: Interpreter, tmp_path):
    with running(interpreter.path, TARGETS / "everything.py", tmp_path / "knowledge") as target:
        check_refcounts(target.pid)
