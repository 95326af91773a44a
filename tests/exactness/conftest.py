"""The interpreters, and what starts and asks targets, are those of tests/integration."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "integration")]
