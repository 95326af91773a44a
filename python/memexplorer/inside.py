"""memexplorer capture PID --from-inside: a process of CPython 3.14 or later explores itself.

    here: the process' own python --sys.remote_exec--> there: a script --fork--> the file
    here <--------------------------- what came of it, in a file -------'

sys.remote_exec wants the same version of CPython on both sides, so the caller is the executable of
the process itself. It needs the rights of a debugger for a moment, but nothing is stopped: the
script runs when the main thread next comes between two instructions.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import List, NoReturn, Tuple

TICK_SECONDS = 0.02
CALL = "import sys; sys.remote_exec(int(sys.argv[1]), sys.argv[2])"

# Runs in the namespace of the process' __main__, and leaves nothing there.
SCRIPT = """
def _memexplorer_capture(package, path, redact, compress, answer):
    import os
    try:
        try:
            from memexplorer import _memexplorer
        except ImportError:
            import importlib.util, sys
            spec = importlib.util.spec_from_file_location(
                "memexplorer", os.path.join(package, "__init__.py"),
                submodule_search_locations=[package])
            module = importlib.util.module_from_spec(spec)
            sys.modules["memexplorer"] = module
            try:
                spec.loader.exec_module(module)
            except BaseException:
                sys.modules.pop("memexplorer", None)
                raise
            from memexplorer import _memexplorer
        _memexplorer.capture_self(path, redact, compress)
        said = "ok"
    except Exception as error:
        said = str(error)
    with open(answer + ".new", "w") as file:
        file.write(said)
    os.rename(answer + ".new", answer)
try:
    _memexplorer_capture({arguments})
finally:
    del _memexplorer_capture
"""


def fail(text: str, status: int = 1) -> NoReturn:
    print(f"memexplorer capture: {text}", file=sys.stderr)
    raise SystemExit(status)


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        fail(f"{message}; see memexplorer capture --from-inside --help", 2)


def parser() -> Parser:
    made = Parser(
        prog="memexplorer capture --from-inside",
        description="Ask a running process of CPython 3.14 or later to write a snapshot of itself. "
        "Nothing is stopped; its main thread has to be running Python, or come back to it.",
    )
    made.add_argument("pid", type=int, metavar="PID")
    made.add_argument("-o", "--output", metavar="FILE", required=True)
    made.add_argument("--from-inside", action="store_true", help=argparse.SUPPRESS)
    made.add_argument("--redact", action="store_true", help="leave values out")
    made.add_argument("--compress", action="store_true", help="write a smaller file")
    made.add_argument("--timeout", type=float, default=60, metavar="SECONDS",
                      help="how long to wait for it (60)")  # fmt: skip
    made.add_argument("--json", action="store_true", help="print JSON")
    return made


def executable_of(pid: int) -> Tuple[str, int]:
    """Of a process, and its user."""
    try:
        return os.readlink(f"/proc/{pid}/exe"), os.stat(f"/proc/{pid}").st_uid
    except FileNotFoundError:
        fail(f"there is no process {pid}; `memexplorer ps` lists the Python processes")
    except PermissionError:
        fail(
            f"pid {pid}: reaching into it needs the rights of a debugger, that is its user or root"
        )


def call(executable: str, pid: int, script: str) -> None:
    command = [executable, "-I", "-S", "-c", CALL, str(pid), script]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode == 0:
        return
    said = (done.stderr.strip().splitlines() or ["it failed without a word"])[-1]
    if "has no attribute 'remote_exec'" in said:
        said = f"{executable} is older than CPython 3.14; take memexplorer capture {pid}"
    fail(f"pid {pid}: {said}")


def wait_for(answer: Path, pid: int, seconds: float) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer.exists():
            return answer.read_text()
        if not os.path.exists(f"/proc/{pid}"):
            return "the process has ended"
        time.sleep(TICK_SECONDS)
    return ""


def main(argv: List[str]) -> int:
    arguments = parser().parse_args(argv)
    pid, output = arguments.pid, os.path.abspath(arguments.output)
    executable, user = executable_of(pid)
    folder = Path(tempfile.mkdtemp(prefix="memexplorer-"))
    script, answer = folder / "script.py", folder / "answer"
    package = str(Path(__file__).parent)
    passed = (package, output, arguments.redact, arguments.compress, str(answer))
    script.write_text(SCRIPT.replace("{arguments}", ", ".join(map(repr, passed))))
    if os.geteuid() == 0:
        os.chown(folder, user, -1)
        os.chown(script, user, -1)
    said = "nothing was asked of it"
    try:
        call(executable, pid, str(script))
        said = wait_for(answer, pid, arguments.timeout)
    finally:
        if said:
            for name in (script, answer):
                if name.exists():
                    name.unlink()
            folder.rmdir()
        else:  # it may still come to it: then there has to be something, that does nothing
            script.write_text("")
    if not said:
        fail(f"pid {pid}: its main thread did not come to it in {arguments.timeout:g} seconds; "
             f"take memexplorer capture {pid}")  # fmt: skip
    if said != "ok":
        fail(f"pid {pid}: {said}")
    size = os.path.getsize(output)
    if arguments.json:
        print(json.dumps({"path": output, "file_bytes": size}))
    else:
        print(f"{output}: {size:,} bytes")
    return 0
