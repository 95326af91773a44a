"""Measures memexplorer beside objgraph, pympler and guppy3 on heaps of 10^5, 10^6 and 10^7 objects.

    make bench            or: python bench/run.py [--sizes 100000,1000000] [--python PATH]

Every measurement has a process of its own that builds the heap (examples/heap.py), says that it is
ready and stands still. memexplorer looks at it from outside; the others run inside it, as they have
to. The defaults are what `make bench` does; `--snapshots 5e7` needs 16 GiB, and pyheap, of which
there is no package, is measured where `--pyheap` says. Each measurement becomes a line of
bench/results.jsonl, the medians of this run the tables in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Iterator

import readers
import snapshots
import table

ROOT = Path(__file__).resolve().parent.parent
BENCH_VENV = ROOT / ".cache" / "bench-venv"
REQUIREMENTS = ROOT / "bench" / "requirements.txt"
RESULTS = ROOT / "bench" / "results.jsonl"
DOCUMENT = ROOT / "docs" / "benchmarks.md"

SIZES = [10**5, 10**6, 10**7]
REPETITIONS = {10**7: 1}  # building that heap takes longest
DEFAULT_REPETITIONS = 3
GIGABYTES = [1, 2, 4]  # of memory in targets that are stopped in each way
READ_SIZES = [10**5, 10**6]  # of heaps that other programs are asked about too
SNAPSHOT_SIZES = [10**6, 10**7]  # of heaps that are written to a file and asked about
WAYS = ["--freeze", "--fork"]
MADV_HUGEPAGE, MADV_NOHUGEPAGE = 14, 15
LARGE = """
import mmap, sys
memory = mmap.mmap(-1, int(sys.argv[1]), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(int(sys.argv[2]))
piece = b"x" * 1000000
for _ in range(len(memory) // len(piece)):
    memory.write(piece)
print("ready", flush=True)
sys.stdin.read()
"""
LIMIT_SECONDS = 1200  # for one tool on one heap


def make_venv(python: str) -> Path:
    """The interpreter of an environment with the other tools, made by `python`."""
    interpreter = BENCH_VENV / "bin" / "python"
    stamp = BENCH_VENV / "made-from"
    wanted = f"{python}\n{REQUIREMENTS.read_text()}"
    if stamp.exists() and stamp.read_text() == wanted:
        return interpreter
    subprocess.run([python, "-m", "venv", "--clear", BENCH_VENV], check=True)
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", REQUIREMENTS], check=True)
    stamp.write_text(wanted)
    return interpreter


@contextlib.contextmanager
def heap_process(python: Path, size: int) -> Iterator[subprocess.Popen[str]]:
    """A process that has built its heap and waits for a line on its standard input."""
    process = subprocess.Popen(
        [python, ROOT / "examples" / "heap.py", str(size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        if not json.loads(process.stdout.readline() or "{}").get("ready"):
            sys.exit("bench: examples/heap.py did not become ready")
        yield process
    finally:
        process.kill()
        process.wait()


def tell(process: subprocess.Popen[str], word: str) -> Any:
    """Has the target do what the word says; its answer."""
    assert process.stdin and process.stdout
    print(word, file=process.stdin, flush=True)
    return json.loads(process.stdout.readline())


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(s.split()[1]) * 1024 for s in status.splitlines() if s.startswith("VmRSS"))


def run_with_usage(command: list[Any]) -> tuple[str, float, resource.struct_rusage]:
    """What the command printed, its wall time in seconds, and what it used."""
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = status  # reaped here, so that Popen does not wait for it
        if status != 0:
            sys.exit(f"bench: {' '.join(map(str, command))}: wait status {status}")
        output.seek(0)
        return output.read(), seconds, usage


def measure_memexplorer(memexplorer: str, python: Path, size: int) -> dict[str, Any]:
    """One `report --json`. What the explorer does not say of itself becomes None."""
    with heap_process(python, size) as target:
        rss = resident_bytes(target.pid)
        command = [memexplorer, "report", "--json", str(target.pid)]
        text, seconds, usage = run_with_usage(command)
    peak_bytes = usage.ru_maxrss * 1024
    report = json.loads(text)
    pause_ms, copied = report["pause_ms"], report.get("copied_bytes")
    walk_ms, objects = report.get("walk_ms"), report["objects"]
    return {
        "tool": "memexplorer",
        "size": size,
        "objects": objects,
        "references": report["references"],
        "target_rss_bytes": rss,
        "copied_bytes": copied,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "pause_ms": pause_ms,
        "pause_seconds_per_gb": pause_ms / 1e3 / (copied / 1e9) if copied else None,
        "walk_ms": walk_ms,
        "objects_per_second": objects / (walk_ms / 1e3) if walk_ms else None,
        "peak_bytes": peak_bytes,
        "beyond_copy_bytes_per_object": (peak_bytes - copied) / objects if copied else None,
    }


@contextlib.contextmanager
def large_process(python: Path, nbytes: int, huge: bool) -> Iterator[subprocess.Popen[str]]:
    """A process with so much private memory that it has written to, in small or huge pages."""
    process = subprocess.Popen(
        [python, "-c", LARGE, str(nbytes), str(MADV_HUGEPAGE if huge else MADV_NOHUGEPAGE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            sys.exit("bench: a large process did not become ready")
        yield process
    finally:
        process.kill()
        process.wait()


def measure_pause(memexplorer: str, python: Path, gigabytes: int, huge: bool) -> dict[str, Any]:
    """How long the same process stands still in each way, in ms; medians."""
    pauses: dict[str, Any] = {}
    load = os.getloadavg()[0]
    with large_process(python, gigabytes * 10**9, huge) as target:
        for way in WAYS:
            command = [memexplorer, "report", "--json", way, str(target.pid)]
            runs = [json.loads(run_with_usage(command)[0])["pause_ms"] for _ in range(3)]
            pauses[way] = statistics.median(runs)
    return {"tool": "pause", "size": gigabytes, "huge": huge, "load": load, **pauses}


def measure_pauses(arguments: argparse.Namespace, python: Path) -> list[dict[str, Any]]:
    measurements = []
    for gigabytes in arguments.gigabytes:
        for huge in (False, True):
            result = measure_pause(arguments.memexplorer, python, gigabytes, huge)
            print(json.dumps(result), flush=True)
            measurements.append(result)
    return measurements


def measure_inside(tool: str, python: Path, size: int) -> dict[str, Any]:
    """Another tool, run by the target in itself: it stands still for that long."""
    with heap_process(python, size) as target:
        rss = resident_bytes(target.pid)
        try:
            answer, _ = target.communicate(tool + "\n", timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            return {"tool": tool, "size": size, "seconds": None, "grew_bytes": None}
    return {**json.loads(answer), "size": size, "target_rss_bytes": rss}


def measure_all(arguments: argparse.Namespace, python: Path) -> list[dict[str, Any]]:
    measurements = []
    for size in arguments.sizes:
        for repetition in range(REPETITIONS.get(size, DEFAULT_REPETITIONS)):
            for tool in ("memexplorer", "objgraph", "pympler", "guppy"):
                if tool == "memexplorer":
                    result = measure_memexplorer(arguments.memexplorer, python, size)
                else:
                    result = measure_inside(tool, python, size)
                result["repetition"] = repetition
                print(json.dumps(result), flush=True)
                measurements.append(result)
    return measurements


def measure_readers(arguments: argparse.Namespace, python: Path) -> list[dict[str, Any]]:
    measurements = []
    for size in arguments.readers:
        for result in readers.measure(arguments.memexplorer, python, size, arguments.pyheap):
            print(json.dumps(result), flush=True)
            measurements.append(result)
    return measurements


def measure_snapshots(arguments: argparse.Namespace, python: Path) -> list[dict[str, Any]]:
    measurements = []
    for size in arguments.snapshots:
        for result in snapshots.measure(arguments.memexplorer, python, size):
            print(json.dumps(result), flush=True)
            measurements.append(result)
    return measurements


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--sizes",
        type=lambda text: [int(float(word)) for word in text.split(",") if word],
        default=SIZES,
        help="numbers of objects, separated by commas",
    )
    parser.add_argument(
        "--gigabytes",
        type=lambda text: [int(word) for word in text.split(",") if word],
        default=GIGABYTES,
        help="of the targets whose pause is measured in each way, separated by commas",
    )
    parser.add_argument(
        "--readers",
        type=lambda text: [int(float(word)) for word in text.split(",") if word],
        default=READ_SIZES,
        help="numbers of objects of the heaps that are exported, separated by commas",
    )
    parser.add_argument(
        "--snapshots",
        type=lambda text: [int(float(word)) for word in text.split(",") if word],
        default=SNAPSHOT_SIZES,
        help="numbers of objects of the heaps that are written to files, separated by commas",
    )
    parser.add_argument("--pyheap", type=Path, help="folder of pyheap's sources, to measure it too")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the targets")
    parser.add_argument("--memexplorer", default=str(ROOT / "build" / "cli" / "memexplorer"))
    parser.add_argument("--no-document", action="store_true", help="leave docs/benchmarks.md alone")
    arguments = parser.parse_args()

    python = make_venv(os.path.realpath(arguments.python))
    machine = table.machine(python)
    measurements = measure_all(arguments, python) + measure_pauses(arguments, python)
    measurements += measure_readers(arguments, python)
    measurements += measure_snapshots(arguments, python)
    if 10**7 in arguments.snapshots:
        measurements += snapshots.measure_graph(10**7)
    with RESULTS.open("a") as results:
        for measurement in measurements:
            results.write(json.dumps({**measurement, "machine": machine}) + "\n")
    text = table.document(measurements, machine, sys.argv[1:])
    if not arguments.no_document:
        DOCUMENT.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
