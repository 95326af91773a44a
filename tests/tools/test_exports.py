"""What the shared library exports is what the public header declares, no less and no more."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def declared_functions():
    header = (ROOT / "include" / "memexplorer.h").read_text()
    header = re.sub(r"//[^\n]*", "", header)
    return set(re.findall(r"\bMX_EXPORT\b[^;(]*?\b(mx_\w+)\s*\(", header))


def exported_symbols():
    library = ROOT / "build" / "src" / "libmemexplorer.so"
    listing = subprocess.check_output(["nm", "-D", "--defined-only", str(library)], text=True)
    return {line.split()[-1] for line in listing.splitlines()}


def test_every_declared_function_is_exported():
    assert len(declared_functions()) > 10
    assert declared_functions() - exported_symbols() == set()


def test_nothing_else_is_exported():
    assert exported_symbols() - declared_functions() == set()
