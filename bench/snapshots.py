"""What is asked of a heap once it is a snapshot file, and what making the file takes.

One process is captured, changes, and is captured again; the questions go to the files. Used by
run.py.

    python bench/snapshots.py [--sizes 10000000] [--python PATH]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import run

ROOT = Path(__file__).resolve().parent.parent
GROUPS = "SELECT type, count(*), sum(size) FROM objects GROUP BY type"

FAST_SECONDS, FAST_RUNS = 0.5, 7  # what takes less is asked so many times: the median counts

# What is asked, of which file; {address} is an Order's, held by one list, {popular} what most refer
# to.
QUESTIONS = {
    "open": ["refs", "{first}", "{address}"],
    "show": ["show", "{first}", "{address}"],
    "why": ["why", "{first}", "{address}"],
    "free": ["free", "{first}", "{address}"],
    "show, of what most refer to": ["show", "{first}", "{popular}"],
    "why, of what most refer to": ["why", "{first}", "{popular}"],
    "free, of what most refer to": ["free", "{first}", "{popular}"],
    "why of a type": ["why", "{first}", "Order"],
    "GROUP BY type": ["sql", "{first}", GROUPS],
    "report of the file": ["report", "{first}"],
    "suspects": ["suspects", "{first}"],
    "diff": ["diff", "{first}", "{second}"],
}


def one_order(memexplorer: str, path: Path) -> str:
    command = [memexplorer, "objects", path, "--type", "Order", "--limit", "1", "--json"]
    return json.loads(run.run_with_usage(command)[0])["address"]


def most_popular(memexplorer: str, path: Path) -> str:
    query = "SELECT address FROM objects ORDER BY referrer_count DESC LIMIT 1"
    return json.loads(run.run_with_usage([memexplorer, "sql", path, query, "--json"])[0])["address"]


def measure_command(name: str, size: int, command: list[Any]) -> dict[str, Any]:
    text, seconds, usage = run.run_with_usage(command)
    runs = [seconds]
    while seconds < FAST_SECONDS and len(runs) < FAST_RUNS:
        _, again, usage = run.run_with_usage(command)
        runs.append(again)
    return {
        "tool": f"snapshot: {name}",
        "size": size,
        "seconds": statistics.median(runs),
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * 1024,
        "printed": len(text),
    }


def measure_graph(size: int) -> list[dict[str, Any]]:
    """Dominators and retained sizes alone, without a heap around them: bench/graph.c."""
    subprocess.run(["ninja", "-C", ROOT / "build", "bench/graph"], check=True, capture_output=True)
    text, _, usage = run.run_with_usage([ROOT / "build/bench/graph", str(size), "records"])
    rows = {words[0]: words for words in map(str.split, text.splitlines()) if words}
    steps = [rows["dominators"], rows["retained"]]
    return [
        {
            "tool": "snapshot: dominators and retained sizes alone",
            "size": size,
            "seconds": sum(float(words[1]) for words in steps),
            "cpu_seconds": sum(float(words[2]) for words in steps),
            "peak_bytes": usage.ru_maxrss * 1024,
        }
    ]


def measure(memexplorer: str, python: Path, size: int) -> list[dict[str, Any]]:
    """One measurement for each question, those of the live process first."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "first.mxs", Path(folder) / "second.mxs"
        with run.heap_process(python, size) as target:
            pid = str(target.pid)
            rss = run.resident_bytes(target.pid)
            report = measure_command("report", size, [memexplorer, "report", pid])
            command = [memexplorer, "capture", pid, "--json", "-o", first]
            capture = measure_command("capture", size, command)
            written = json.loads(run.run_with_usage(command)[0])
            run.tell(target, "change")
            run.run_with_usage([memexplorer, "capture", pid, "-o", second])
        facts = json.loads(run.run_with_usage([memexplorer, "report", "--json", first])[0])
        capture["file_bytes"], capture["graph_bytes"] = first.stat().st_size, written["graph_bytes"]
        report["target_rss_bytes"] = capture["target_rss_bytes"] = rss
        report["objects"] = facts["objects"]
        capture["objects"], capture["references"] = facts["objects"], facts["references"]
        places = {
            "first": str(first),
            "second": str(second),
            "address": one_order(memexplorer, first),
            "popular": most_popular(memexplorer, first),
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
