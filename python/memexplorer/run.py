"""memexplorer run: a program that writes a snapshot of itself when memory runs out, or on a signal.

    memexplorer run --on-memory-error oom-{pid}.mxs -- python app.py

This process becomes the program: its number, exit code, signals and streams are the program's own.
Python finds run_site/sitecustomize.py first, which calls memexplorer.install() and goes away.
"""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Dict, List, NoReturn

VARIABLE = "MEMEXPLORER_RUN"
SITE = Path(__file__).parent / "run_site"
UNITS = {"K": 10, "M": 20, "G": 30}


def fail(text: str, status: int = 2) -> NoReturn:
    print(f"memexplorer run: {text}", file=sys.stderr)
    raise SystemExit(status)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(f"{message}; see memexplorer run --help")


def parser() -> Parser:
    made = Parser(
        prog="memexplorer run",
        usage="memexplorer run [OPTION...] -- COMMAND [ARGUMENT...]",
        description="Start a Python program that writes a snapshot of itself: no debugger's rights "
        "are needed. {pid} in FILE is the number of the process; then every Python that the "
        "program starts writes one, too.",
        epilog="Example: memexplorer run --on-memory-error oom-{pid}.mxs -- python app.py",
    )
    made.add_argument("--on-memory-error", metavar="FILE", help="at the first MemoryError")
    made.add_argument("--on-signal", nargs=2, metavar=("NAME", "FILE"),
                      help="when a signal comes, as SIGUSR2; {n} in FILE counts them")  # fmt: skip
    made.add_argument("--redact", action="store_true", help="leave values out")
    made.add_argument("--compress", action="store_true", help="write smaller files")
    made.add_argument("--reserve", metavar="SIZE", default="16M",
                      help="address space to keep back for that (16M)")  # fmt: skip
    made.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return made


def size(text: str) -> int:
    digits, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in UNITS else (text, "")
    if not digits.isascii() or not digits.isdigit():
        fail(f"--reserve {text}: write a size as 16M or 1G")
    return int(digits) << UNITS.get(unit, 0)


def signal_number(name: str) -> int:
    try:
        return int(signal.Signals[name if name.startswith("SIG") else "SIG" + name])
    except KeyError:
        fail(f"--on-signal {name}: there is no such signal; write a name as SIGUSR2")


def check_folder(path: str) -> str:
    folder = os.path.dirname(os.path.abspath(path))
    if not os.access(folder, os.W_OK | os.X_OK):
        fail(f"{path}: {folder} is no folder that can be written to", 1)
    return os.path.abspath(path)


def check_command(command: List[str]) -> None:
    """Options of python itself that would leave us out."""
    if not os.path.basename(command[0]).startswith("python"):
        return
    for word in command[1:]:
        if not word.startswith("-") or word.startswith("--") or word in ("-", "-c", "-m"):
            return
        for letter in word[1:]:
            if letter in "IES":
                fail(f"python -{letter} ignores its environment, by which memexplorer comes in; "
                     "leave it out, or call memexplorer.install() in the program")  # fmt: skip
            if letter in "WXcm":
                break


def environment(settings: Dict[str, object], everywhere: bool) -> Dict[str, str]:
    before = os.environ.get("PYTHONPATH")
    settings = {**settings, "pythonpath": before, "everywhere": everywhere}
    path = f"{SITE}{os.pathsep}{before}" if before else str(SITE)
    return {**os.environ, "PYTHONPATH": path, VARIABLE: json.dumps(settings)}


def main(argv: List[str]) -> int:
    arguments = parser().parse_args(argv)
    command = arguments.command
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        fail("no command to run; write: memexplorer run --on-memory-error FILE -- python app.py")
    settings: Dict[str, object] = {
        "redact": arguments.redact,
        "compress": arguments.compress,
        "reserve": size(arguments.reserve),
    }
    files = []
    if arguments.on_memory_error is not None:
        files.append(check_folder(arguments.on_memory_error))
        settings["on_memory_error"] = files[-1]
    if arguments.on_signal:
        files.append(check_folder(arguments.on_signal[1]))
        settings.update(signal=signal_number(arguments.on_signal[0]), on_signal=files[-1])
    if not files:
        fail(
            "when is a snapshot to be written? Give --on-memory-error FILE or --on-signal NAME FILE"
        )
    check_command(command)
    try:
        os.execvpe(
            command[0], command, environment(settings, all("{pid}" in name for name in files))
        )
    except FileNotFoundError:
        fail(f"{command[0]}: no such program", 127)
    except OSError as error:
        fail(f"{command[0]}: {error.strerror}", 126)
