"""Narrates lessons: ordinary Python files whose statements are shown while they run.

    python -m memexplorer.lesson refcounting     one of the lessons that come with memexplorer
    python -m memexplorer.lesson gcing --json    the same for programs: a JSON object a statement
    python refcounting.py                        the same, from a file that you can change

A lesson calls narrate() after its imports. From there on everything in the file is shown:

    # %% Two names        a heading; what was watched before is forgotten
    # An own line.        said in between
    v2 = v1  # a copy?    the statement, then it runs, then what it did: the comment behind it
             # No.        (which may go on below), and the counts of what is watched

    watch(id(v1))         after this and each later statement, tell the count at this address
    watch(a=id(a))        the same, with a name to tell several apart
    say("...")            said when it runs; a statement with say() in it is not shown itself

The counts are exact: the narrator knows addresses, which are numbers, and nothing else.

With MEMEXPLORER_OUTSIDE="R,W" in the environment every count is asked for a second time, outside:
"refs 0xADDRESS" is written to file descriptor W, and the lesson stands still until R has answered
"COUNT ALIVE IMMORTAL" (2 1 0, or -1 1 1 for an immortal object) or "error TEXT".

MEMEXPLORER_LESSON_JSON=1 in the environment asks for JSON, as --json does; see docs/json.md.
"""

import ast
import io
import json
import os
import platform
import runpy
import signal
import sys
import textwrap
import tokenize
from pathlib import Path
from types import FrameType
from typing import Any, Dict, List, NoReturn, Optional, TextIO, Tuple

from . import _memexplorer

__all__ = ["narrate", "say", "watch"]

HEADING = "# %%"
WIDTH = 92
INDENT = "    "
LONGEST_ANSWER = 500  # of the program outside: a line, cut there


# ---- reading the lesson -------------------------------------------------------------------------


class Step:
    """One statement of a lesson, and what is said about it."""

    def __init__(self, code: str, shown: bool) -> None:
        self.code = code
        self.shown = shown
        self.before: List[str] = []  # headings and paragraphs
        self.did: List[str] = []


def read_steps(source: str) -> Dict[int, Step]:
    """The steps of a lesson by each of the lines they are on."""
    steps: Dict[int, Step] = {}
    last_lines: List[Tuple[int, Step]] = []
    lines = source.splitlines()
    comments = _comments(source)
    for node in ast.parse(source).body:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno] + [decorator.lineno for decorator in decorators])
        last = node.end_lineno or first
        code = lines[first - 1 : last]
        if last in comments:
            code[-1] = code[-1][: comments[last][0]].rstrip()
        step = Step("\n".join(code), shown=not _says(node))
        steps.update(dict.fromkeys(range(first, last + 1), step))
        last_lines.append((last, step))
    _attach_comments(steps, comments)
    return steps


def _comments(source: str) -> Dict[int, Tuple[int, str]]:
    """Column and text of each comment, by line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {t.start[0]: (t.start[1], t.string) for t in tokens if t.type == tokenize.COMMENT}


def _says(node: ast.stmt) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "say" for part in ast.walk(node))


def _attach_comments(steps: Dict[int, Step], comments: Dict[int, Tuple[int, str]]) -> None:
    """Own lines go to the statement below; those behind code, or indented, to the one above."""
    above: Optional[Step] = None
    pending: List[str] = []
    previous = 0  # the line that `pending` ends on
    for line in range(1, max([0, *steps, *comments]) + 1):
        here = steps.get(line)
        column, text = comments.get(line, (0, ""))
        if here is not None:
            if here is not above:
                here.before, pending, above = pending, [], here
            if text and steps.get(line + 1) is not here:
                here.did.append(text.lstrip("# "))
        elif text and column > 0 and above is not None:
            above.did.append(text.lstrip("# "))
        elif text.startswith(HEADING):
            pending.append(text)
        elif text:
            joins = pending and previous == line - 1 and not pending[-1].startswith(HEADING)
            if joins:
                pending[-1] += " " + text.lstrip("# ")
            else:
                pending.append(text.lstrip("# "))
            previous = line


# ---- telling ------------------------------------------------------------------------------------


class _Json:
    """Keeps what would be told, and prints it as one object when its statement has run."""

    to: Optional[TextIO] = None  # standard output, when JSON is wanted
    printed = io.StringIO()  # by the statement itself, and by the objects that it finalized
    section = ""
    said: List[str] = []

    @classmethod
    def start(cls) -> None:
        if os.environ.get("MEMEXPLORER_LESSON_JSON") == "1":
            cls.to, sys.stdout = sys.stdout, cls.printed

    @classmethod
    def tell(cls, step: Step) -> None:
        record = {
            "section": cls.section,
            "said": cls.said,
            "code": step.code if step.shown else None,
            "printed": cls.printed.getvalue(),
            "did": " ".join(step.did),
            "counts": [watched.record() for watched in _watched] if step.shown else [],
        }
        print(json.dumps(record), file=cls.to, flush=True)
        cls.said = []
        cls.printed.seek(0)
        cls.printed.truncate()


def _tell(text: str, indent: str = "") -> None:
    print(textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent), flush=True)


def say(text: str) -> None:
    """Say something that depends on what is found here."""
    text = " ".join(text.split())
    if _Json.to:
        _Json.said.append(text)
        return
    print()
    _tell(text)


def _tell_before(step: Step) -> None:
    for text in step.before:
        if text.startswith(HEADING):
            _watched.clear()
            _tell_heading(text[len(HEADING) :].strip())
        else:
            say(text)
    if step.shown and not _Json.to:
        print()
        print(">>> " + step.code.replace("\n", "\n... "), flush=True)


def _tell_heading(title: str) -> None:
    _Json.section = title
    if not _Json.to:
        print()
        print(title)
        print("-" * len(title))


def _tell_after(step: Step) -> None:
    if _Json.to:
        _Json.tell(step)
        return
    if not step.shown:
        return
    if step.did:
        _tell(" ".join(step.did), INDENT)
    for watched in _watched:
        watched.tell()


# ---- counting -----------------------------------------------------------------------------------


class _Watched:
    """An address whose count is told after each statement."""

    __slots__ = ("address", "inside", "name", "outside")

    def __init__(self, name: str, address: int) -> None:
        self.name = name
        self.address = address
        self.inside = 0
        self.outside: Optional[int] = None

    def tell(self) -> None:
        whose = f"of {self.name}: " if self.name else ""
        text = f"count {whose}{_words(self.inside)}"
        if self.outside is not None:
            text += f" (from outside: {_words(self.outside)})"
            if self.outside != self.inside:
                text += " MISMATCH"
        print(INDENT + text, flush=True)

    def record(self) -> Dict[str, Any]:
        """The same for JSON."""
        outside = None if self.outside is None else _facts(self.outside)
        where = {"name": self.name or None, "address": hex(self.address)}
        return {**where, **_facts(self.inside), "outside": outside}


_watched: List[_Watched] = []


def watch(*addresses: int, **named: int) -> None:
    """Tell the count at these addresses, as id() gives them, after each statement."""
    for address in addresses:
        _watched.append(_Watched("", address))
    for name, address in named.items():
        _watched.append(_Watched(name, address))


def _facts(count: int) -> Dict[str, Any]:
    return {"refcount": None if count < 0 else count, "alive": count != 0, "immortal": count < 0}


def _words(count: int) -> str:
    if count < 0:
        return "none, immortal"
    return str(count) if count else "0, not alive"


def _read_counts() -> None:
    # What was freed a moment ago must not come back as one of our own temporaries. So this runs
    # before anything else, creates no list, and keeps numbers only: 0 not alive, -1 immortal.
    for watched in _watched:
        watched.inside = _memexplorer.refcount(watched.address)
        if _Outside.write_fd >= 0:
            watched.outside = _Outside.refcount(watched.address)
            _Outside.mismatches += watched.outside != watched.inside


class _Outside:
    """The program that reads the same counts from another process."""

    read_fd = -1
    write_fd = -1
    mismatches = 0

    @classmethod
    def connect(cls) -> None:
        descriptors = os.environ.get("MEMEXPLORER_OUTSIDE")
        if descriptors:
            read_fd, write_fd = descriptors.split(",")
            cls.read_fd, cls.write_fd = int(read_fd), int(write_fd)

    @classmethod
    def refcount(cls, address: int) -> int:
        os.write(cls.write_fd, b"refs 0x%x\n" % address)
        answer = b""
        while not answer.endswith(b"\n"):
            piece = os.read(cls.read_fd, LONGEST_ANSWER)
            if not piece or len(answer) > LONGEST_ANSWER:
                _fail("the program outside stopped answering")
            answer += piece
        if answer.startswith(b"error "):
            _fail(answer[len(b"error ") :].decode(errors="replace").strip())
        count, alive, immortal = answer.split()
        if immortal == b"1":
            return -1
        return int(count) if alive == b"1" else 0


def _fail(text: str) -> NoReturn:
    sys.settrace(None)
    print(text, file=sys.stderr)
    raise SystemExit(1)


# ---- running ------------------------------------------------------------------------------------


def narrate() -> None:
    """Show and explain, from here on, every statement of the file that calls this."""
    lesson = sys._getframe(1)
    steps = read_steps(Path(lesson.f_code.co_filename).read_text(encoding="utf-8"))
    now: Optional[Step] = steps.get(lesson.f_lineno)
    narrating = now

    # A plain function, not a method: each look at a method would create an object.
    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal now
        if frame is not lesson:
            return None
        if event == "line":
            step = steps.get(frame.f_lineno)
            if step is not now:
                leave()
                now = step
                if step is not None:
                    _tell_before(step)
        elif event == "return":
            leave()
            sys.settrace(None)
            if _Outside.mismatches:
                raise SystemExit(1)
        return trace

    def leave() -> None:
        if now is not None and now is not narrating:
            if now.shown:
                _read_counts()
            _tell_after(now)

    title = (lesson.f_globals.get("__doc__") or Path(lesson.f_code.co_filename).stem).strip()
    _Json.start()
    if not _Json.to:
        name = title.splitlines()[0].rstrip(".")
        print(f"{name}, on CPython {platform.python_version()}")
    _Outside.connect()
    lesson.f_trace = trace
    sys.settrace(trace)


def main(arguments: List[str]) -> int:
    folder = Path(__file__).parent / "lessons"
    if "--json" in arguments:
        arguments = [argument for argument in arguments if argument != "--json"]
        os.environ["MEMEXPLORER_LESSON_JSON"] = (
            "1"  # the lesson imports another copy of this module
        )
    if len(arguments) != 1:
        names = "|".join(sorted(path.stem for path in folder.glob("*.py")))
        print(f"usage: python -m memexplorer.lesson [--json] {names}|FILE.py", file=sys.stderr)
        return 2
    name = arguments[0]
    path = Path(name) if name.endswith(".py") else folder / (name + ".py")
    if not path.is_file():
        print(f"no lesson {name}: {path} is not there", file=sys.stderr)
        return 1
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` ends it without a traceback
    runpy.run_path(str(path), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
