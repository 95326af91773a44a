"""Medians of bench/run.py's measurements as the page docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any, Callable

Measurements = list  # of dicts, as bench/run.py makes them

SNAPSHOT = "snapshot: "
READERS = {"retained", "export", "devtools", "memlab", "pyheap"}  # tools of readers.py
INSIDE = ("objgraph", "pympler", "guppy")  # tools that run in the target

# What is aimed for, and what is needed at least.
AIMS = """\
| | aimed for | needed |
|---|---|---|
| pause | 0.2 s per GB | 0.3 s per GB |
| walk | 10 million objects a second | 5 million |
| peak memory beyond the copied bytes | | 100 bytes an object |
"""

EXPLANATION = """\
- **pause**: how long the target stood still, as `report` says it; per GB (10^9 bytes) of copied
  memory. The other tools run inside the target, which stands still for as long as they take.
- **time**: wall time to the finished answer; for memexplorer from starting the program to its end.
- **CPU time**: user and system time of the explorer.
- **walk**: finding the objects and counting the references, on one core.
- **memory**: for memexplorer the peak resident memory of its own process beyond the copied bytes;
  for the others, by how much the peak of the *target* grew.
- **x**: that tool's time over memexplorer's.
- The question asked is the same, and the answers are not: objgraph sees only objects that the
  cycle collector tracks; pympler sees those and what they refer to directly; guppy (guppy3) follows
  what the collector knows of; memexplorer finds every object and counts every reference.
"""


def machine(python: Path) -> dict[str, Any]:
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    version = subprocess.run(
        [
            python,
            "-c",
            "import platform as p; print(p.python_implementation(), p.python_version())",
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.strip()
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "python": version,
        "load": os.getloadavg()[0],
        "date": time.strftime("%Y-%m-%d"),
    }


def median(measurements: Measurements, tool: str, size: int, key: str) -> float | None:
    values = [
        m[key]
        for m in measurements
        if m["tool"] == tool and m["size"] == size and m.get(key) is not None
    ]
    return statistics.median(values) if values else None


def show(value: float | None, form: Callable[[float], str]) -> str:
    return "-" if value is None else form(value)


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def explorer_table(measurements: Measurements, sizes: list[int]) -> list[str]:
    columns: list[tuple[str, str, Callable[[float], str]]] = [
        ("objects", "objects", lambda v: f"{v:,.0f}"),
        ("references", "references", lambda v: f"{v:,.0f}"),
        ("copied", "copied_bytes", lambda v: f"{v / 1e6:,.0f} MB"),
        ("pause", "pause_ms", lambda v: f"{v:,.1f} ms"),
        ("pause per GB", "pause_seconds_per_gb", lambda v: f"{v:.2f} s"),
        ("time", "seconds", lambda v: f"{v:.2f} s"),
        ("CPU time", "cpu_seconds", lambda v: f"{v:.2f} s"),
        ("walk", "objects_per_second", lambda v: f"{v / 1e6:.1f} million/s"),
        ("memory", "beyond_copy_bytes_per_object", lambda v: f"{v:.0f} B/object"),
    ]
    lines = [row(["heap", *(name for name, _, _ in columns)]), "|---|" + "---:|" * len(columns)]
    for size in sizes:
        cells = [show(median(measurements, "memexplorer", size, k), f) for _, k, f in columns]
        lines.append(row([f"{size:,}", *cells]))
    return lines


def comparison_table(measurements: Measurements, sizes: list[int]) -> list[str]:
    lines = [
        row(["heap", "memexplorer", *(c for tool in INSIDE for c in (tool, "x", "memory"))]),
        "|---|" + "---:|" * (1 + 3 * len(INSIDE)),
    ]
    for size in sizes:
        own = median(measurements, "memexplorer", size, "seconds")
        cells = [f"{size:,}", show(own, lambda v: f"{v:.2f} s")]
        for tool in INSIDE:
            seconds = median(measurements, tool, size, "seconds")
            grew = median(measurements, tool, size, "grew_bytes")
            ratio = seconds / own if seconds and own else None
            cells.append(show(seconds, lambda v: f"{v:.2f} s"))
            cells.append(show(ratio, lambda v: f"{v:.1f}"))
            cells.append(show(grew, lambda v: f"{v / 1e6:,.0f} MB"))
        lines.append(row(cells))
    return lines


def pause_section(measurements: Measurements) -> list[str]:
    """Pauses of the same targets, frozen and forked, with the load that they were measured at."""
    pauses = [m for m in measurements if m["tool"] == "pause"]
    if not pauses:
        return []
    lines = [
        "## Freeze and fork\n",
        "How long targets with so much memory of their own, all written to, stood still: medians",
        "of three runs. Small pages are of 4 KiB, huge ones of 2 MiB. `--fork` copies page tables",
        "instead of pages, and 40 ms per GB at most are aimed for.\n",
        row(["memory", "pages", "--freeze", "per GB", "--fork", "per GB", "load average"]),
        "|---|---|" + "---:|" * 5,
    ]
    for m in pauses:
        cells = [f"{m['size']} GB", "huge" if m["huge"] else "small"]
        for way in ("--freeze", "--fork"):
            cells += [f"{m[way]:,.1f} ms", f"{m[way] / m['size']:.1f} ms"]
        lines.append(row([*cells, f"{m['load']:.1f}"]))
    return [*lines, ""]


def readers_section(measurements: Measurements) -> list[str]:
    """The retained size of every object, asked of three programs (readers.py)."""
    found = {(m["size"], m["tool"]): m for m in measurements if m["tool"] in READERS}
    if not found:
        return []
    lines = [
        "## Retained sizes, beside what reads .heapsnapshot files\n",
        "The retained size of every object: memexplorer is asked at the process, Chrome DevTools'",
        "heap worker and MemLab at the file that `export` wrote of it, under node. Wall time from",
        "the start of the program to its end, and peak memory; all three find the same sum. pyheap",
        "dumps what the collector tracks, by gdb, and analyses its own file.\n",
        row(["heap", "export", "file", "memexplorer", "memory", "DevTools", "x", "memory",
             "MemLab", "x", "memory", "pyheap", "x", "memory"]),
        "|---|" + "---:|" * 13,
    ]  # fmt: skip
    for size in sorted({size for size, _ in found}):
        own, export = found[size, "retained"], found[size, "export"]
        cells = [f"{size:,}", f"{export['seconds']:.2f} s", f"{export['bytes'] / 1e6:,.0f} MB"]
        cells += [f"{own['seconds']:.2f} s", f"{own['peak_bytes'] / 1e6:,.0f} MB"]
        for tool in ("devtools", "memlab", "pyheap"):
            other = found.get((size, tool), {})
            seconds, peak = other.get("seconds"), other.get("peak_bytes")
            ratio = seconds / own["seconds"] if seconds else None
            cells.append(show(seconds, lambda v: f"{v:.2f} s"))
            cells.append(show(ratio, lambda v: f"{v:.1f}"))
            cells.append(show(peak, lambda v: f"{v / 1e6:,.0f} MB"))
        lines.append(row(cells))
    return [*lines, ""]


# Of 10 million objects: what is wanted, in seconds.
GOALS = {
    "report": 6,
    "capture": 6,
    "capture, then why": 6,
    "dominators and retained sizes alone": 1,
    "open": 0.010,
    "show": 0.050,
    "why": 0.050,
    "free": 0.050,
    "show, of what most refer to": 0.050,
    "why, of what most refer to": 0.050,
    "free, of what most refer to": 0.050,
    "GROUP BY type": 1,
    "diff": 5,
}
GOAL_SIZE = 10**7
GOAL_PEAK = 120  # bytes an object beyond the copy, of those that look at the process
GOAL_GRAPH = 24  # bytes an object in the file; 32 at most


def with_sums(found: Measurements) -> Measurements:
    """And what is done one after the other."""
    sums = []
    for size in sorted({m["size"] for m in found}):
        parts = [m for m in found if m["size"] == size and m["tool"][len(SNAPSHOT) :] in
                 ("capture", "why")]  # fmt: skip
        if len(parts) == 2:
            sums.append({
                "tool": SNAPSHOT + "capture, then why", "size": size,
                "seconds": sum(m["seconds"] for m in parts),
                "cpu_seconds": sum(m["cpu_seconds"] for m in parts),
                "peak_bytes": max(m["peak_bytes"] for m in parts),
                "target_rss_bytes": max(m.get("target_rss_bytes", 0) for m in parts),
            })  # fmt: skip
    return sorted(found + sums, key=lambda m: m["size"])


def snapshot_row(m: dict[str, Any]) -> str:
    name = m["tool"][len(SNAPSHOT) :]
    goal = GOALS.get(name) if m["size"] == GOAL_SIZE else None
    wanted = "" if goal is None else f"{goal * 1e3:.0f} ms" if goal < 1 else f"{goal} s"
    each = f"{m['peak_bytes'] / m['size']:.0f} B"
    if "target_rss_bytes" in m:
        beyond = (m["peak_bytes"] - m["target_rss_bytes"]) / m["size"]
        each += f", {beyond:.0f} beyond the copy"
        each += f" ({GOAL_PEAK})" if m["size"] == GOAL_SIZE else ""
    times = [f"{m['seconds']:.3f} s", wanted, f"{m['cpu_seconds']:.3f} s"]
    return row([f"{m['size']:,}", name, *times, f"{m['peak_bytes'] / 1e6:,.0f} MB", each])


def snapshots_section(measurements: Measurements) -> list[str]:
    """What files take, and what is asked of them (snapshots.py)."""
    found = [m for m in measurements if m["tool"].startswith(SNAPSHOT)]
    if not found:
        return []
    lines = [
        "",
        "## Snapshot files",
        "",
        "`report` and `capture` look at the process, the others at the files that `capture` wrote.",
        "Each is a program of its own, from start to end: opening the file is a part of it; what",
        "takes little is the median of seven runs. **wanted** is what is aimed for with 10 million",
        "objects. What most refer to is a class with an instance for every tenth object. Between",
        "the two files of `diff` a fiftieth of the objects was replaced, and a hundredth added.",
        "The copy of the process is as large as the process.",
        "",
        row(["objects", "what", "time", "wanted", "CPU time", "peak memory", "an object (wanted)"]),
        row(["---:", "---", "---:", "---:", "---:", "---:", "---:"]),
        *map(snapshot_row, with_sums(found)),
    ]
    for m in found:
        if "file_bytes" in m:
            each, graph = m["file_bytes"] / m["objects"], m["graph_bytes"] / m["objects"]
            lines += [
                "",
                f"The file of {m['objects']:,} objects and {m['references']:,} references has "
                f"{m['file_bytes'] / 1e6:,.0f} MB: {graph:.1f} bytes an object for the graph "
                f"(wanted: {GOAL_GRAPH}), {each:.1f} with labels and values. The process had "
                f"{m['target_rss_bytes'] / 1e6:,.0f} MB.",
            ]
    return lines


def introduction(measurements: Measurements, machine: dict[str, Any], command: str) -> str:
    repetitions: dict[int, set[int]] = {}
    for m in measurements:
        repetitions.setdefault(m["size"], set()).add(m["repetition"])
    runs = ", ".join(f"{len(r)} of {size:,}" for size, r in sorted(repetitions.items()))
    return f"""\
# Benchmarks

Written by `{command}` on {machine["date"]}; medians of the runs ({runs}).

Machine: {machine["cpu"]}, {machine["cores"]} cores, {machine["memory_bytes"] / 2**30:.0f} GiB,
Linux {machine["kernel"]}; the targets were run by {machine["python"]}. Load average
before the first measurement: {machine["load"]:.1f}; other work makes all times longer.

The heap (`examples/heap.py`) mixes instances with a dict and with slots, dicts, lists, tuples,
sets, strings, ints and floats.
"""


def document(measurements: Measurements, machine: dict[str, Any], options: list[str]) -> str:
    everything = measurements
    measurements = [
        m
        for m in measurements
        if m["tool"] not in {"pause", *READERS} and not m["tool"].startswith(SNAPSHOT)
    ]
    sizes = sorted({m["size"] for m in measurements})
    command = " ".join(["python bench/run.py", *options]) if options else "make bench"
    parts = [
        introduction(measurements, machine, command),
        "## memexplorer report\n",
        *explorer_table(measurements, sizes),
        "",
        AIMS,
        *pause_section(everything),
        "## Beside what runs inside the target\n",
        *comparison_table(measurements, sizes),
        "",
        EXPLANATION,
        *readers_section(everything),
        *snapshots_section(everything),
    ]
    return "\n".join(parts)
