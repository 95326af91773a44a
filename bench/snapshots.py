"""What is asked of a heap once it is a snapshot file, and what making the file takes.

One process stands still and is captured twice; the questions go to the files. Used by run.py.

    python bench/snapshots.py [--sizes 10000000] [--python PATH]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import run

ROOT = Path(__file__).resolve().parent.parent
GROUPS = "SELECT type, count(*), sum(size) FROM objects GROUP BY type"

# What is asked, of which file; {address} is an Order's, held by one list.
QUESTIONS = {
    "open": ["refs", "{first}", "{address}"],
    "show": ["show", "{first}", "{address}"],
    "why": ["why", "{first}", "{address}"],
    "free": ["free", "{first}", "{address}"],
    "why of a type": ["why", "{first}", "Order"],
    "GROUP BY type": ["sql", "{first}", GROUPS],
    "report of the file": ["report", "{first}"],
    "diff": ["diff", "{first}", "{second}"],
}


def one_order(memexplorer: str, path: Path) -> str:
    command = [memexplorer, "objects", path, "--type", "Order", "--limit", "1", "--json"]
    return json.loads(run.run_with_usage(command)[0])["address"]


def measure_command(name: str, size: int, command: list[Any]) -> dict[str, Any]:
    text, seconds, usage = run.run_with_usage(command)
    return {
        "tool": f"snapshot: {name}",
        "size": size,
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
        "printed": len(text),
    }


def measure(memexplorer: str, python: Path, size: int) -> list[dict[str, Any]]:
    """One measurement for each question, those of the live process first."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first.mxs", Path(folder) / "second.mxs"
        with run.heap_process(python, size) as target:
            pid = str(target.pid)
            report = measure_command("report", size, [memexplorer, "report", pid])
            capture = measure_command("capture", size, [memexplorer, "capture", pid, "-o", first])
            run.run_with_usage([memexplorer, "capture", pid, "-o", second])
        facts = json.loads(run.run_with_usage([memexplorer, "report", "--json", first])[0])
        capture["file_bytes"] = first.stat().st_size
        capture["objects"], capture["references"] = facts["objects"], facts["references"]
        places = {
            "first": str(first),
            "second": str(second),
            "address": one_order(memexplorer, first),
        }
        answers = []
        for name, words in QUESTIONS.items():
            command = [memexplorer, *(word.format(**places) for word in words)]
            answers.append(measure_command(name, size, command))
    return [report, capture, *answers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sizes", type=lambda text: [int(float(s)) for s in text.split(",")])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--memexplorer", default=str(ROOT / "build" / "cli" / "memexplorer"))
    arguments = parser.parse_args()
    for size in arguments.sizes or [10**7]:
        for result in measure(arguments.memexplorer, Path(arguments.python), size):
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
