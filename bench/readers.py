"""The same question to three programs: the retained size of every object of a process.

memexplorer is asked at the process itself, from the start of the program to its end. Chrome
DevTools' heap worker and MemLab are asked at the .heapsnapshot that memexplorer wrote of it, under
node; that they find the same sum is checked. Used by run.py.

    python bench/readers.py [--sizes 1000000] [--python PATH]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import run

ROOT = Path(__file__).resolve().parent.parent
NODE = ["node", "--max-old-space-size=12000"]
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


def measure(memexplorer: str, python: Path, size: int) -> list[dict[str, Any]]:
    """One measurement for each program, and one for the export."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "it.heapsnapshot"
        types = [memexplorer, "export", "--format", "jsonl", "--table", "types"]
        export = [memexplorer, "export", "--format", "heapsnapshot", "--json", "-o", path]
        with run.heap_process(python, size) as target:
            text, seconds, usage = run.run_with_usage([*types, str(target.pid)])
            written, export_seconds, export_usage = run.run_with_usage([*export, str(target.pid)])
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
    return results


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
