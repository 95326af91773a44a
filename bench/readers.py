"""The same question to three programs: the retained size of every object of a process.

memexplorer is asked at the process itself, from the start of the program to its end. Chrome
DevTools' heap worker and MemLab are asked at the .heapsnapshot that memexplorer wrote of it, under
node; that they find the same sum is checked. pyheap has a heap of its own dumped by the process,
under gdb, and then asked: of what it calls retained no sum is compared. Used by run.py.

    python bench/readers.py [--sizes 1000000] [--python PATH]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import run

ROOT = Path(__file__).resolve().parent.parent
NODE = ["node", "--max-old-space-size=12000"]
PYHEAP_SIZE = 10**5  # and no larger: it takes a minute for it
READERS = {
    "devtools": [ROOT / "tests/devtools/retained.mjs", "READER", "--summary"],
    "memlab": [ROOT / "bench/memlab.cjs", "READER"],
}


def reader_path(name: str) -> str | None:
    """None where it cannot be had."""
    done = subprocess.run([ROOT / "tools/get-npm", name], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def measure_reader(name: str, path: Path, size: int) -> dict[str, Any]:
    reader = reader_path(name)
    if reader is None:
        return {"tool": name, "size": size, "seconds": None, "peak_bytes": None}
    words = [reader if word == "READER" else word for word in READERS[name]]
    text, seconds, usage = run.run_with_usage([*NODE, *words, path])
    answer = json.loads(text)
    return {
        "tool": name,
        "size": size,
        "seconds": seconds,
        "reading_seconds": answer["milliseconds"] / 1e3,
        "nodes": answer["nodes"],
        "retained_bytes": answer["bytes"],
        "peak_bytes": usage.ru_maxrss * 1024,
    }


def measure_pyheap(folder: Path, python: Path, size: int, target: Any) -> dict[str, Any]:
    """From the process to the list of retained sizes: its dumper, then its analyzer.

    The dumper waits until the process calls a Python function, so the process is told to.
    """
    pid = target.pid
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "it.pyheap"
        dump = [python, folder / "pyheap/src/pyheap_dump.py", "--pid", str(pid), "--file", file]
        analyze = [python, folder / "pyheap-ui/src/analyzer.py", "retained-heap", "--file", file]
        began = time.perf_counter()
        with subprocess.Popen(dump, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as dumper:
            while dumper.poll() is None:
                if time.perf_counter() - began > run.LIMIT_SECONDS:
                    dumper.kill()
                print("wake", file=target.stdin, flush=True)
                time.sleep(0.2)
        if dumper.returncode != 0:
            return {"tool": "pyheap", "size": size, "seconds": None, "peak_bytes": None}
        dumping = time.perf_counter() - began
        _, reading, usage = run.run_with_usage(analyze)
    return {"tool": "pyheap", "size": size, "seconds": dumping + reading,
            "pause_seconds": dumping, "peak_bytes": usage.ru_maxrss * 1024}  # fmt: skip


def measure(
    memexplorer: str, python: Path, size: int, pyheap: Path | None = None
) -> list[dict[str, Any]]:
    """One measurement for each program, and one for the export."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "it.heapsnapshot"
        types = [memexplorer, "export", "--format", "jsonl", "--table", "types"]
        export = [memexplorer, "export", "--format", "heapsnapshot", "--json", "-o", path]
        with run.heap_process(python, size) as target:
            text, seconds, usage = run.run_with_usage([*types, str(target.pid)])
            written, export_seconds, export_usage = run.run_with_usage([*export, str(target.pid)])
            others = []
            if pyheap and size <= PYHEAP_SIZE:
                others = [measure_pyheap(pyheap, python, size, target)]
        total = sum(json.loads(line)["bytes"] for line in text.splitlines())
        file = json.loads(written)["files"][0]
        results = [
            {"tool": "retained", "size": size, "seconds": seconds, "retained_bytes": total,
             "peak_bytes": usage.ru_maxrss * 1024},
            {"tool": "export", "size": size, "seconds": export_seconds, "bytes": file["bytes"],
             "nodes": file["records"], "edges": file["references"],
             "peak_bytes": export_usage.ru_maxrss * 1024},
        ]  # fmt: skip
        for name in READERS:
            result = measure_reader(name, path, size)
            if result["seconds"] and result["retained_bytes"] != total:
                sys.exit(f"bench: {name} finds {result['retained_bytes']} bytes, not {total}")
            results.append(result)
    return results + others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", default="1000000", help="numbers of objects")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the targets")
    parser.add_argument("--memexplorer", default=str(ROOT / "build" / "cli" / "memexplorer"))
    arguments = parser.parse_args()
    for size in map(int, arguments.sizes.split(",")):
        for result in measure(arguments.memexplorer, Path(arguments.python), size):
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
