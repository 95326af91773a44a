"""`memexplorer trace script.py`: this process becomes the script's, with the recorder in it.

  memexplorer trace --fork--> (forks and ends) --fork--> watcher
         \\--exec--> python script.py, and site imports boot/sitecustomize.py first

The interpreter itself runs the script, so everything is as it is untraced: __main__, sys.argv,
sys.path, tracebacks, recursion, exit codes, signals. The boot file takes itself away again.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
from typing import Dict, List, Optional

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BOOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boot")

WATCH = """
import sys, types
package = types.ModuleType("memexplorer")
package.__path__ = [sys.argv[1]]
sys.modules["memexplorer"] = package
from memexplorer.tracing.watcher import main
sys.exit(main(sys.argv[2:]))
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="memexplorer trace",
        usage="memexplorer trace [OPTIONS] (SCRIPT | -m MODULE) [ARGUMENT ...]",
        description="Run a script unchanged and show, line by line, what it did to the objects"
        " that it names. The listing goes to stderr when the script has ended.",
    )
    made.add_argument("-m", dest="module", action="store_true", help="SCRIPT is a module's name")
    made.add_argument("--all", action="store_true",
                      help="births and deaths of objects of any type, not of the program's classes"
                      " alone (3.13 and later)")  # fmt: skip
    made.add_argument("--no-names", action="store_true",
                      help="births, deaths and the collector alone: faster")  # fmt: skip
    made.add_argument("--limit", type=int, default=100, metavar="N",
                      help="tell N changes of names for a line, count the others"
                      " (default: 100)")  # fmt: skip
    made.add_argument("--root", action="append", default=[], metavar="DIR",
                      help="what lies below DIR is the program's, too (default: the script's"
                      " folder)")  # fmt: skip
    made.add_argument("-o", "--output", metavar="FILE", help="the listing goes to FILE")
    made.add_argument("--json", metavar="FILE", help="the events, one JSON object a line, to FILE")
    made.add_argument("--html", metavar="FILE", help="a page to look at the trace in, to FILE")
    made.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    made.add_argument("script", help=argparse.SUPPRESS)
    made.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return made


def fail(text: str) -> int:
    sys.stderr.write(f"memexplorer trace: {text}\n")
    return 2


def recorder_path() -> Optional[str]:
    """Where memexplorer._trace lies, found without importing it."""
    from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder

    spec = FileFinder(PACKAGE, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec("_trace")
    if spec is None:  # an editable install has it elsewhere
        import importlib.util

        spec = importlib.util.find_spec("memexplorer._trace")
    return spec.origin if spec else None


def excluded_folders(roots: List[str]) -> List[str]:
    """Folders of what is installed; not those that a root lies in."""
    paths = sysconfig.get_paths()
    found = {
        os.path.realpath(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    found.add(os.path.realpath(PACKAGE))
    return [path for path in sorted(found)
            if not any(root == path or root.startswith(path + "/") for root in roots)]  # fmt: skip


def roots_of(asked: argparse.Namespace) -> List[str]:
    script = os.path.realpath(asked.script)
    own = script if os.path.isdir(script) else os.path.dirname(script)
    roots = [os.getcwd() if asked.module else own, *asked.root]
    return [os.path.realpath(root) for root in roots]


def watch(asked: argparse.Namespace, events: int) -> Dict[str, int]:
    """Starts the watcher as nobody's child; what the script's process keeps open."""
    alive, alive_write = os.pipe()
    done, done_write = os.pipe()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        os.close(alive)
        os.close(done_write)
        return {"alive": alive_write, "done": done}
    try:
        if os.fork():
            os._exit(0)
        os.setsid()
        os.close(alive_write)
        os.close(done)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        options = ["--events", str(events), "--alive", str(alive), "--done", str(done_write),
                   "--color", asked.color]  # fmt: skip
        for name in ("json", "output", "html"):
            if getattr(asked, name):
                options += ["--" + name, os.path.abspath(getattr(asked, name))]
        options += ["--title", asked.script]
        options += ["--note", "all"] if asked.all else []
        for fd in (events, alive, done_write):
            os.set_inheritable(fd, True)
        os.execv(sys.executable, [sys.executable, "-I", "-S", "-c", WATCH, PACKAGE, *options])
    finally:
        os._exit(127)


def environment(config: Dict[str, str]) -> Dict[str, str]:
    made = dict(os.environ)
    old = made.get("PYTHONPATH")
    config = dict(config, path="" if old is None else "=" + old)
    made["PYTHONPATH"] = BOOT if not old else BOOT + os.pathsep + old
    made["MEMEXPLORER_TRACE"] = "\n".join(f"{key}={value}" for key, value in config.items())
    return made


def check(asked: argparse.Namespace, recorder: Optional[str]) -> str:
    if sys.implementation.name != "cpython" or sys.version_info < (3, 8):
        return "only CPython 3.8 and later are traced"
    if sysconfig.get_config_var("Py_GIL_DISABLED") and sys.version_info < (3, 14):
        return "of free-threaded interpreters, those from 3.14 on are traced"
    if recorder is None:
        return f"{PACKAGE} has no extension _trace: install memexplorer again"
    if sys.flags.isolated or sys.flags.no_site or sys.flags.ignore_environment:
        return "python -I, -S and -E leave no way in: run without them"
    for name in ("json", "output", "html"):
        path = getattr(asked, name)
        folder = os.path.dirname(os.path.abspath(path)) if path else "/"
        if path and (os.path.isdir(path) or not os.access(folder, os.W_OK)):
            return f"{path} cannot be written: name a file in a folder that is yours"
    return ""


def main(argv: List[str]) -> int:
    """Does not come back when the script could be started."""
    asked = parser().parse_args(argv)
    recorder = recorder_path()
    problem = check(asked, recorder)
    if problem:
        return fail(problem)
    roots = roots_of(asked)
    with tempfile.TemporaryFile() as file:
        events = os.dup(file.fileno())
    kept = watch(asked, events)
    for fd in (events, *kept.values()):
        os.set_inheritable(fd, True)
    config = {"events": str(events), "alive": str(kept["alive"]), "done": str(kept["done"]),
              "recorder": recorder or "", "roots": os.pathsep.join(roots),
              "excluded": os.pathsep.join(excluded_folders(roots)), "all": str(int(asked.all)),
              "names": str(int(not asked.no_names)), "limit": str(asked.limit)}  # fmt: skip
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    script = ["-m", asked.script] if asked.module else [asked.script]
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, *flags, *script, *asked.arguments]
    try:
        os.execve(sys.executable, command, environment(config))
    except OSError as error:
        return fail(f"{sys.executable}: {error.strerror}")
