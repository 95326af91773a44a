"""Shows a trace when the traced process has ended, whatever ended it.

A process of its own, nobody's child: the traced program's waiting for children does not see it.
It waits for the end of a pipe that the program has open as long as it lives; the program's end
waits, when it can, for the end of another pipe, so that a shell's prompt comes after the listing.
"""

import argparse
import contextlib
import os
import sys
from typing import Any, Dict, List, TextIO

from .._files import whole_file
from . import events
from .listing import Listing


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    made.add_argument("--events", type=int)
    made.add_argument("--alive", type=int)
    made.add_argument("--done", type=int)
    made.add_argument("--json")
    made.add_argument("--output")
    made.add_argument("--html")
    made.add_argument("--title", default="trace")
    made.add_argument("--color", choices=["auto", "always", "never"], default="auto")
    made.add_argument("--note", action="append", default=[])
    return made


def wants_color(choice: str, out: TextIO) -> bool:
    if choice == "auto":
        return out.isatty() and not os.environ.get("NO_COLOR")
    return choice == "always"


def show(file: Any, sources: Dict[str, str], asked: argparse.Namespace, out: TextIO) -> None:
    """The listing to `out`, the events to --json, the page to --html."""
    made = Listing()
    kept: List[events.Event] = []
    with whole_file(asked.json) if asked.json else contextlib.nullcontext() as lines:
        for event in events.read(file, sources):
            if event["event"] == "start" and "all" in asked.note:
                event["all_asked"] = True
            made.add(event)
            if lines:
                events.write(iter([event]), lines)
            if asked.html:
                kept.append(event)
    if asked.html:
        write_page(kept, asked)
    made.print(out, wants_color(asked.color, out))


def write_page(kept: List[events.Event], asked: argparse.Namespace) -> None:
    from .page import PageError, render
    from .story import tell

    try:
        page = render(tell(kept, asked.title))  # type: ignore[arg-type]
    except PageError as error:
        sys.stderr.write(f"memexplorer trace: {error}\n")
        return
    with whole_file(asked.html) as file:
        file.write(page)


def main(argv: List[str]) -> int:
    asked = parser().parse_args(argv)
    while os.read(asked.alive, 4096):
        pass
    listing = whole_file(asked.output) if asked.output else contextlib.nullcontext(sys.stderr)
    try:
        with os.fdopen(asked.events, "rb") as file, listing as out:
            file.seek(0)
            show(file, {}, asked, out)
            out.flush()
    except (OSError, ValueError) as error:
        sys.stderr.write(f"memexplorer trace: {error}\n")
        return 1
    return 0
