"""Every reference count is explained by the references found, but for what C code holds.

A C function that waits for the target's next line holds its arguments; so does the one that runs a
thread. No object may have more references than its count says: that would be our error.
"""

import subprocess

import pytest
from processes import EDGES, LIMIT_SECONDS, ROOT, TARGETS, Interpreter, document, running

LEAST_EXPLAINED = 0.999  # of the objects that are not immortal
HELD_BY_A_THREAD = 3  # the method that it runs, the weak reference to its lock


def offenders(pid: int, kind: str) -> str:
    done = subprocess.run(
        [EDGES, str(pid), kind], capture_output=True, text=True, timeout=LIMIT_SECONDS
    )
    return "\n".join(done.stdout.splitlines()[:40])


def check_refcounts(pid: int) -> None:
    report = document("report", pid)
    counts = report["refcounts"]
    mortal = counts["explained"] + counts["surplus"] + counts["deficit"]
    assert mortal > 5_000
    assert counts["deficit"] == 0, offenders(pid, "deficit")
    allowed = (1 - LEAST_EXPLAINED) * mortal + HELD_BY_A_THREAD * (len(report["threads"]) - 1)
    assert counts["surplus"] <= allowed, f"{counts}\n{offenders(pid, 'surplus')}"


@pytest.mark.parametrize(
    "program",
    ["threads.py", "generators.py", "deep.py", "frozen.py", "disabled.py", "subinterpreter.py"],
)
def test_refcounts_are_explained_in(program: str, interpreter: Interpreter):
    with running(interpreter.path, TARGETS / program) as target:
        if target.line.startswith("skip "):
            pytest.skip(target.line[5:].strip())
        check_refcounts(target.pid)


def test_refcounts_are_explained_in_an_asyncio_service_under_load(interpreter: Interpreter):
    service = [interpreter.path, ROOT / "examples" / "service.py", "--seconds", "60"]
    with running(*service, stderr=subprocess.DEVNULL) as target:
        check_refcounts(target.pid)


def test_refcounts_are_explained_with_objects_of_every_kind(interpreter: Interpreter, tmp_path):
    with running(interpreter.path, TARGETS / "everything.py", tmp_path / "knowledge") as target:
        check_refcounts(target.pid)
