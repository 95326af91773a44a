"""Every CPython found, and processes of it that stand still.

A target prints one line (JSON, or "ready") when it is set up, then waits on its standard input:
nothing here sleeps.
"""

import contextlib
import functools
import importlib.machinery
import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MEMEXPLORER", str(ROOT / "build" / "cli" / "memexplorer"))
EDGES = os.environ.get("MEMEXPLORER_EDGES", str(ROOT / "build/tests/integration/edges"))
TARGETS = Path(__file__).parent / "targets"
LIMIT_SECONDS = 60
LEAST_EXPLAINED = 0.999  # of the objects that are not immortal
HELD_BY_A_THREAD = 3  # the method that it runs, the weak reference to its lock


def load_tool(name: str) -> Any:
    """A script of tools/ as a module: what it does when run is behind `if __name__`."""
    loader = importlib.machinery.SourceFileLoader(
        name.replace("-", "_"), str(ROOT / "tools" / name)
    )
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(module)
    sys.dont_write_bytecode = before
    return module


def name_of(facts: dict) -> str:
    """ "3.13.18d-debian": version, build, and how it was made, as its folder says."""
    name = ".".join(map(str, facts["version"]))
    name += "t" * facts["free_threaded"] + "d" * facts["debug"]
    folder = Path(facts["binary"]).parent.parent
    origin = "debian" if folder == Path("/usr") else folder.name
    if origin == "usr":  # of a Debian unpacked elsewhere
        origin = folder.parent.name
    words = [word for word in origin.split("-") if not word[:1].isdigit()]
    return "-".join([name, *words])


@functools.lru_cache(maxsize=None)
def found_interpreters() -> Dict[str, dict]:
    """Name -> what tools/python-envs found out about it: all implementations and versions."""
    tool = load_tool("python-envs")
    found: Dict[str, dict] = {}
    for path in tool.candidates():
        facts = tool.ask(path)
        if facts is None or facts["binary"] in [other["binary"] for other in found.values()]:
            continue
        name = name_of(facts)
        found[name if name not in found else f"{name}-{len(found)}"] = facts
    return found


def is_supported(facts: dict) -> bool:
    version = tuple(facts["version"][:2])
    return (
        facts["implementation"] == "cpython"
        and (3, 8) <= version <= (3, 15)
        and not load_tool("python-envs").has_traced_headers(facts)
    )


class Interpreter(NamedTuple):
    path: str
    version: tuple
    free_threaded: bool
    debug: bool


def interpreters() -> Dict[str, Interpreter]:
    """Name -> interpreter, every supported one that was found."""
    return {
        name: Interpreter(
            facts["binary"],
            tuple(facts["version"]),
            facts["free_threaded"],
            facts["debug"],
        )
        for name, facts in found_interpreters().items()
        if is_supported(facts)
    }


def one_of_a_kind(found: Dict[str, Interpreter]) -> Dict[str, Interpreter]:
    """One of each minor version, with and without the global lock."""
    kinds: Dict[Any, str] = {}
    for name, interpreter in found.items():
        kinds.setdefault((interpreter.version[:2], interpreter.free_threaded), name)
    return {name: found[name] for name in kinds.values()}


class Target(NamedTuple):
    pid: int
    line: str  # what it said when it was ready
    process: subprocess.Popen

    def say(self, text: str = "") -> str:
        """Sends a line, and returns the line that comes back."""
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        settle(self.pid)
        return answer

    @property
    def facts(self) -> Any:
        return json.loads(self.line)


def settle(pid: int) -> None:
    """Until its main thread waits for something, or for a tenth of a second.

    When its line can be read, the call that wrote it has not returned: what C functions hold for a
    moment is nobody's, and what they are giving back is still to be seen where it was.
    """
    for _ in range(100):
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "SZ":
            return
        time.sleep(0.001)


@contextlib.contextmanager
def running(*command: Any, **options: Any) -> Iterator[Target]:
    """The program, from its first line on until the end of the block."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, **options}
    options["env"] = {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1",
                      **options.get("env", {})}  # fmt: skip
    process = subprocess.Popen([str(part) for part in command], encoding="utf-8", **options)
    try:
        line = process.stdout.readline()
        assert line, f"{command} ended with {process.wait()} before it was ready"
        if line.startswith("skip "):
            pytest.skip(line[5:].strip())
        settle(process.pid)
        yield Target(process.pid, line, process)
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def memexplorer(*arguments: Any, **options: Any) -> "subprocess.CompletedProcess[str]":
    command = [PROGRAM, *map(str, arguments)]
    options = {"stdin": subprocess.DEVNULL, "capture_output": True, "check": False, **options}
    return subprocess.run(command, timeout=LIMIT_SECONDS, encoding="utf-8", **options)


def output(*arguments: Any) -> str:
    """What it printed, when it worked."""
    result = memexplorer(*arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def document(*arguments: Any) -> Any:
    return json.loads(output(*arguments, "--json"))


def objects_of(pid: int) -> Dict[int, dict]:
    """Address -> what `memexplorer objects --json` says of it."""
    records = map(json.loads, output("objects", pid, "--json").splitlines())
    return {int(record["address"], 16): record for record in records}


def some(differences: List[str], limit: int = 30) -> str:
    """A failure message: how many, and the first of them."""
    return f"{len(differences)} differ:\n" + "\n".join(differences[:limit])


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
