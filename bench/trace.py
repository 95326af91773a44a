"""What `memexplorer trace` costs: programs that do what pyperformance's do, traced and not.

    python bench/trace.py [--python PATH] [--repetitions N]

Prints processor time as a multiple of the untraced run. "library": the hot code is the standard
library's, so that nothing in it is named by the user's. "nothing named": the hot code is the user's
and --no-names leaves births, deaths and the collector. "names": everything.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS = {
    "json_dumps, loads": """
import json
data = {"key %d" % i: list(range(50)) for i in range(500)}
for i in range(20):
    json.loads(json.dumps(data, indent=1))
""",
    "fannkuch (loops)": """
def fannkuch(n):
    flips, perm1, count, r = 0, list(range(n)), [0] * n, n
    while True:
        while r != 1:
            count[r - 1] = r
            r -= 1
        perm, k = perm1[:], 0
        while perm[0]:
            first = perm[0]
            perm[: first + 1] = perm[first::-1]
            k += 1
        flips = max(flips, k)
        while True:
            if r == n:
                return flips
            perm1.insert(r, perm1.pop(0))
            count[r] -= 1
            if count[r] > 0:
                break
            r += 1
        r += 1
fannkuch(8)
""",
    "float (objects)": """
from math import sin, cos, sqrt
class Point:
    __slots__ = ("x", "y", "z")
    def __init__(self, i):
        self.x = x = sin(i)
        self.y = cos(i) * 3
        self.z = (x * x) / 2
    def normalize(self):
        norm = sqrt(self.x ** 2 + self.y ** 2 + self.z ** 2)
        self.x /= norm
        self.y /= norm
        self.z /= norm
def main(n):
    points = [Point(i) for i in range(n)]
    for point in points:
        point.normalize()
main(60000)
""",
}
TRACE = "import sys; from memexplorer.tracing.command import main; sys.exit(main(sys.argv[1:]))"


def seconds(command: list[str], folder: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime


def measure(command: list[str], folder: str, repetitions: int) -> float:
    return statistics.median(seconds(command, folder) for _ in range(repetitions))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--repetitions", type=int, default=3)
    asked = parser.parse_args()
    print(f"{'program':20} {'untraced':>9} {'nothing named':>14} {'names':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in PROGRAMS.items():
            script = os.path.join(folder, "script.py")
            Path(script).write_text(text)
            trace = [asked.python, "-c", TRACE, "-o", os.path.join(folder, "listing")]
            plain = measure([asked.python, script], folder, asked.repetitions)
            few = measure([*trace, "--no-names", script], folder, asked.repetitions)
            every = measure([*trace, script], folder, asked.repetitions)
            print(f"{name:20} {plain:8.2f}s {few / plain:13.1f}x {every / plain:7.1f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
