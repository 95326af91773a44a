#!/usr/bin/env python3
"""Measures how much of each program memexplorer explains on every CPython found.

    tests/exactness/run.py            prints a line for each
    tests/exactness/run.py --write    writes docs/exactness.md as well

Runs in .venv, after `make build`. MEMEXPLORER_PYTHONS names interpreters, separated by colons.
"""

import argparse
import datetime
import platform
import sys
import time
from pathlib import Path
from typing import Dict, List, Tuple

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "integration")]

import packages  # noqa: E402
from measure import DEFICIT, PROGRAMS, Explained, Row, measure  # noqa: E402
from processes import ROOT, interpreters  # noqa: E402

Results = Dict[Tuple[str, str], Row]


def figures(name: str, row: Row) -> List[str]:
    return [
        name,
        f"{row.objects:,}",
        f"{row.references:,}",
        f"{row.mortal:,}",
        f"{100 * row.share:.4f} %",
        f"{100 * row.certain_share:.2f} %",
        str(row.surplus),
        f"{row.deficit}" + (f" ({row.known_deficit} known)" if row.known_deficit else ""),
        f"{row.walk_ms:.0f} ms",
    ]


def holders(row: Row) -> str:
    return ", ".join(
        f"{holder} {count:,}"
        for holder, count in sorted(row.holders.items(), key=lambda item: -item[1])
        if holder != DEFICIT
    )


def agreement(name: str, row: Row) -> List[str]:
    found, told = row.traversed, row.traversed.owned - row.traversed.untold_count
    return [
        name,
        f"{found.reported:,}",
        f"{found.missing_count:,}",
        f"{100 * (1 - found.missing_count / found.reported):.3f} %",
        f"{found.owned:,}",
        f"{found.untold_count:,}",
        f"{100 * told / found.owned:.1f} %",
    ]


HEAD = ["CPython", "objects", "references", "mortal", "explained", "certain", "surplus", "deficit",
        "walk"]  # fmt: skip
AGREEMENT_HEAD = ["CPython", "reported", "not found", "agree", "found", "not reported", "agree"]


def table(head: List[str], rows: List[List[str]]) -> List[str]:
    lines = [" | ".join(head), " | ".join(["---"] + ["---:"] * (len(head) - 1))]
    return [f"| {line} |" for line in lines + [" | ".join(row) for row in rows]]


def differences(results: Results, direction: str) -> List[str]:
    """A line for each reason: what it is about, the most of it in one run, in how many runs."""
    most: Dict[str, Explained] = {}  # the biggest group, for an example
    totals: Dict[str, List[int]] = {}  # by run
    for row in results.values():
        sums: Dict[str, int] = {}
        for each in getattr(row.traversed, direction):
            sums[each.why] = sums.get(each.why, 0) + each.count
            if each.why not in most or most[each.why].count < each.count:
                most[each.why] = each
        for why, count in sums.items():
            totals.setdefault(why, []).append(count)
    rows = [
        [most[why].group.replace("|", "\\|"), why, f"{max(counts):,}", str(len(counts))]
        for why, counts in sorted(totals.items(), key=lambda item: -max(item[1]))
    ]
    return table(["for example", "why", "at most in a run", "runs"], rows)


def document(results: Results, skipped: List[str], seconds: float) -> str:
    lines = [(Path(__file__).parent / "exactness.md.in").read_text().rstrip()]
    for program, what in PROGRAMS.items():
        rows = {name: row for (name, each), row in results.items() if each == program}
        lines += ["", f"### {program}: {what}", ""]
        lines += table(HEAD, [figures(name, row) for name, row in rows.items()])
        lines += ["", "The surplus over what is certain, by holder, as `audit` says:", ""]
        lines += table(["CPython", "held by"], [[name, holders(row)] for name, row in rows.items()])
        lines += ["", "Agreement with `tp_traverse`, in both directions:", ""]
        lines += table(AGREEMENT_HEAD, [agreement(name, row) for name, row in rows.items()])
        found = sorted({" with ".join([", ".join(row.packages)]) for row in rows.values()} - {""})
        if found:
            lines += ["", "Packages: " + "; ".join(found) + "."]
    lines += ["", "## Where `tp_traverse` and the references found differ", "",
              "All of the differences counted above, by their reason. Owned references that were",
              "found and that `tp_traverse` does not report:", ""]  # fmt: skip
    lines += differences(results, "untold")
    lines += [
        "",
        "References that `tp_traverse` reports, and that were not found at that object:",
        "",
    ]
    lines += differences(results, "missing")
    unexplained = [
        f"- {name}, {program}: {line}"
        for (name, program), row in results.items()
        for line in row.traversed.unexplained
    ]
    lines += ["", "Without a reason:", "", *unexplained] if unexplained else []
    lines += ["", "## Measured", ""]
    machine = f"{platform.system()} {platform.machine()}"
    lines.append(
        f"On {datetime.date.today()}, {machine}, {len(results)} runs in {seconds:.0f} s, "
        "by `tests/exactness/run.py --write`."
    )
    if skipped:
        lines += ["", "Not measured:", ""] + [f"- {line}" for line in skipped]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write docs/exactness.md")
    arguments = parser.parse_args()
    results: Results = {}
    skipped: List[str] = []
    began = time.monotonic()
    for name, interpreter in sorted(
        interpreters().items(), key=lambda item: (item[1].version, item[1].free_threaded, item[0])
    ):
        for program in PROGRAMS:
            try:
                row = results[name, program] = measure(interpreter, program)
            except packages.Missing as missing:
                skipped.append(f"{name}, {program}: {missing}")
                print(name, program, "skipped:", missing, flush=True)
                continue
            print(program, *figures(name, row), *agreement(name, row)[1:], flush=True)
            for line in row.traversed.unexplained:
                print("   ", line, flush=True)
    if arguments.write:
        text = document(results, skipped, time.monotonic() - began)
        (ROOT / "docs" / "exactness.md").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
