"""What memexplorer explains of one program on one interpreter, and who holds the rest."""

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import packages
from processes import (
    EDGES,
    LIMIT_SECONDS,
    ROOT,
    TARGETS,
    Interpreter,
    Target,
    document,
    running,
)
from reasons import MISSING, UNTOLD, explain
from traverse import Agreement, agreement

PROGRAMS = {
    "stdlib": "the larger modules of the standard library, imported and used a little",
    "service": "examples/service.py, an asyncio service under load",
    "web": "a Flask app with SQLAlchemy on sqlite, after a thousand requests",
    "data": "NumPy arrays and pandas frames",
}
LEAST_EXPLAINED = 0.9999  # of the objects that are not immortal
DEFICIT = "none"  # what the audit calls the holder of references that are not counted


# pandas 2.0 and NumPy 1.24, the last for 3.8, come from Cython 0.29: its modules keep constants and
# imported types in variables that nothing reads, which the C compiler leaves out. Their references
# are lost as soon as they are made: nothing in the process's memory has them.
LEAST_EXPLAINED_OLD = {("data", (3, 8)): 0.9995}


def least_explained(program: str, version: tuple) -> float:
    return LEAST_EXPLAINED_OLD.get((program, version[:2]), LEAST_EXPLAINED)


# Deficits that are the program's own, each with its cause; any other one fails.
KNOWN_DEFICITS = {
    # get_info_no_cast in numpy/_core/src/umath/dispatching.cpp, 1.25 to 2.5: PyTuple_SetItem takes
    # over three references to a DType of which the caller had one. From CPython 3.13 on these
    # classes are immortal.
    "data": ["numpy._DTypeMeta"],
}


class Explained(NamedTuple):
    """References of one kind that only one side has."""

    group: str  # a type, and a label: the example of its reason
    count: int
    why: str


class Traversed(NamedTuple):
    """References found against those that tp_traverse reports."""

    reported: int
    missing: List[Explained]  # reported and not found
    owned: int
    untold: List[Explained]  # owned and not reported
    unexplained: List[str]

    @property
    def missing_count(self) -> int:
        return sum(each.count for each in self.missing)

    @property
    def untold_count(self) -> int:
        return sum(each.count for each in self.untold)


class Row(NamedTuple):
    program: str
    objects: int
    references: int
    mortal: int
    explained: int
    certain: int  # of those, without any word that may be a reference or not
    surplus: int
    deficit: int
    known_deficit: int  # of that, objects with a deficit that is the program's own
    holders: Dict[str, int]  # references that were not certain, by who holds them
    pause_ms: float
    walk_ms: float
    packages: List[str]
    traversed: Traversed

    @property
    def share(self) -> float:
        return self.explained / self.mortal

    @property
    def certain_share(self) -> float:
        return self.certain / self.mortal


def has_wheels(interpreter: Interpreter) -> bool:
    """Wheels are made for release builds with glibc."""
    code = "import os, sys; print(hasattr(sys, 'gettotalrefcount') or os.confstr(2))"
    done = subprocess.run([interpreter.path, "-c", code], capture_output=True, text=True)
    return done.stdout.startswith("glibc")


def check_packages(interpreter: Interpreter, program: str) -> None:
    """Raises packages.Missing."""
    if program not in ("web", "data"):
        return
    if not has_wheels(interpreter):
        raise packages.Missing("wheels are made for release builds with glibc")
    packages.site(program, interpreter.version, interpreter.free_threaded)


class Program(NamedTuple):
    target: Target
    telling: Path  # the folder for what it tells of itself, see telling/sitecustomize.py

    @property
    def pid(self) -> int:
        return self.target.pid

    def traversed(self) -> Agreement:
        """References found against those that tp_traverse reports, of a copy that stands still."""
        os.mkfifo(self.telling / "told")
        os.kill(self.pid, signal.SIGUSR1)
        with open(self.telling / "told") as file:
            answer = file.readline().strip()
        assert answer.isdigit(), f"the copy of the program has not told: {answer}"
        copy = int(answer)
        try:
            return agreement(copy, str(self.telling / "knowledge"))
        finally:
            if copy != self.pid:
                os.kill(copy, signal.SIGKILL)


@contextlib.contextmanager
def started(interpreter: Interpreter, program: str) -> Iterator[Program]:
    """The program, ready and waiting. Raises packages.Missing."""
    if program == "service":
        command: List[Any] = [ROOT / "examples" / "service.py", "--seconds", "120"]
    else:
        command = [Path(__file__).parent / "programs" / f"{program}.py"]
    environment = {"EXACTNESS_TARGETS": str(TARGETS)}
    path = [str(Path(__file__).parent / "telling")]
    check_packages(interpreter, program)
    if program in ("web", "data"):
        folder = packages.site(program, interpreter.version, interpreter.free_threaded)
        path.append(str(folder))
    environment["PYTHONPATH"] = ":".join(path)
    with tempfile.TemporaryDirectory() as telling:
        environment["EXACTNESS_TELLING"] = telling
        options = {"env": environment, "stderr": subprocess.DEVNULL}
        with running(interpreter.path, *command, **options) as target:
            assert target.line.strip() == "ready", target.line
            yield Program(target, Path(telling))


def known_deficits(program: str, findings: List[dict]) -> int:
    known = KNOWN_DEFICITS.get(program, [])
    return sum(
        finding["objects"]
        for finding in findings
        if finding["holder"] == DEFICIT and finding["type"] in known
    )


def traversed(found: Agreement, version: tuple) -> Traversed:
    missing, other_missing = explain(found.missing, MISSING, version)
    untold, other_untold = explain(found.untold, UNTOLD, version)
    return Traversed(
        found.reported,
        [Explained(" ".join(each), count, reason.why) for each, count, reason in missing],
        found.owned,
        [Explained(" ".join(each), count, reason.why) for each, count, reason in untold],
        [f"reported, not found: {line}" for line in other_missing]
        + [f"found, not reported: {line}" for line in other_untold],
    )


def row_of(interpreter: Interpreter, program: str, process: Program) -> Row:
    pid = process.pid
    report = document("report", pid)
    counts = report["refcounts"]
    findings = document("audit", pid)["findings"]
    holders: Dict[str, int] = {}
    for finding in findings:
        holder = finding["holder"]
        # What an unreached object says of its own count is of no interest here.
        count = finding["objects" if holder == "unreached" else "references"]
        holders[holder] = holders.get(holder, 0) + count
    folder: Optional[Path] = None
    if program in ("web", "data"):
        folder = packages.site(program, interpreter.version, interpreter.free_threaded)
    return Row(
        program,
        report["objects"],
        report["references"],
        counts["explained"] + counts["surplus"] + counts["deficit"],
        counts["explained"],
        counts["certain"],
        counts["surplus"],
        counts["deficit"],
        known_deficits(program, findings),
        holders,
        report["pause_ms"],
        report["walk_ms"],
        packages.versions(folder) if folder else [],
        traversed(process.traversed(), interpreter.version),
    )


def measure(interpreter: Interpreter, program: str) -> Row:
    """Raises packages.Missing."""
    with started(interpreter, program) as process:
        return row_of(interpreter, program, process)


def offenders(pid: int, kind: str) -> str:
    """The first of the objects with a surplus or deficit, and who refers to them."""
    done = subprocess.run(
        [EDGES, str(pid), kind], capture_output=True, text=True, timeout=LIMIT_SECONDS
    )
    return "\n".join(done.stdout.splitlines()[:60])
