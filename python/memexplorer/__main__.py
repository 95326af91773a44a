"""The command line: `memexplorer`, and `python -m memexplorer`.

What needs an interpreter is Python and is here: trace, run, and looking from inside a process. All
else is the C program that lies beside this file.
"""

import os
import sys
from pathlib import Path
from typing import List, Optional

PROGRAM = Path(__file__).parent / "bin" / "memexplorer"


def main(arguments: Optional[List[str]] = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    command = arguments[0] if arguments else ""
    if command == "trace":
        from .tracing.command import main as trace

        return trace(arguments[1:])
    if command == "run":
        from .run import main as run

        return run(arguments[1:])
    if command == "capture" and "--from-inside" in arguments:
        from .inside import main as inside

        return inside(arguments[1:])
    return execute(arguments)


def execute(arguments: List[str]) -> int:
    """Become the C program; returns when that cannot be."""
    os.environ.setdefault("MEMEXPLORER_PYTHON", sys.executable)  # for lessons
    try:
        os.execv(PROGRAM, ["memexplorer", *arguments])
    except FileNotFoundError:
        said = (
            "this package was built without the command line; install its wheel, or the libraries "
        )
        said += "that the build has named as missing, and build it again"
    except OSError as error:
        said = f"{PROGRAM}: {error.strerror}"
    print(f"memexplorer: {said}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
