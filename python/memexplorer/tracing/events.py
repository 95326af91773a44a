"""Reads a trace: lines of JSON, as docs/trace.md describes them.

The recorder writes into a mapped file, which zeros follow when the process ended without a last
word. Knows nothing of how a trace is shown.
"""

import io
import json
from typing import IO, Any, Dict, Iterator, List, Tuple

Event = Dict[str, Any]

BLOCK = 1 << 20


def complete_lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines up to the first zero; what has no end is left out."""
    rest = b""
    while True:
        block = file.read(BLOCK)
        zero = block.find(b"\0")
        lines = (rest + (block if zero < 0 else block[:zero])).split(b"\n")
        rest = lines.pop()
        yield from lines
        if not block or zero >= 0:
            return


def source_of(path: str) -> Tuple[List[str], str]:
    """The lines of a source file; why there are none."""
    import tokenize

    try:
        with tokenize.open(path) as file:
            return file.read().splitlines(), ""
    except (OSError, SyntaxError, UnicodeDecodeError, LookupError) as error:
        return [], str(error)


def read(file: IO[bytes], sources: Dict[str, str]) -> Iterator[Event]:
    """Every event; `file` ones with the source, from `sources` where it has the path."""
    for line in complete_lines(file):
        event: Event = json.loads(line.decode("utf-8", "replace"))
        if event["event"] == "file":
            path = event["path"]
            if path in sources:
                event["source"] = sources[path].splitlines()
            else:
                event["source"], why = source_of(path)
                if why:
                    event["no_source"] = why
        yield event


def write(events: Iterator[Event], file: io.TextIOBase) -> None:
    for event in events:
        file.write(json.dumps(event) + "\n")
