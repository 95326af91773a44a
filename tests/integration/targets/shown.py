"""Objects and threads to be shown, and what the process itself says of them, as one JSON line."""

import json
import sys
import threading

SAMPLES = [
    "text", "quote's", 'both \'"', "new\nline\ttab", "\xe9\xfc", "\u4e2d\u6587", "\U0001f600",
    "\x00\x7f\x85",
    "", "a" * 40, b"bytes", b"\x00\xff'", b"", 0, 1, -1, 255, 123456789, -(1 << 40), 1 << 62,
    0.0, -0.0, 1.5, 1e100, 1e-7, 123456.789, 0.1, float("inf"), float("-inf"), float("nan"),
    1j, 1.5 - 2j, -0.0 + 1j, True, False, None, [], [1, "a", None], (), (1,), (1, (2, [3])), {},
    {"a": 1, 2: [3]}, set(), {1}, frozenset(), frozenset([1]), [[[]]], {"nested": {"deep": (1.5,)}},
    range(3), bytearray(b"abc"),
]  # fmt: skip


class Service:
    """An instance with attributes."""

    limit = 5

    def __init__(self):
        self.sessions = ["a session"]
        self.by_name = {"user:1": ["one user"]}

    def method(self):
        return self


def enclosing():
    captured = ["captured"]

    def inner():
        return captured

    return inner


def waiting(ready, done):
    mine = ["a local of a thread"]
    ready.set()
    done.wait()
    return mine


def outer_call(ready, done):
    return [waiting(ready, done)]


def stack(frame):
    found = []
    while frame is not None:
        found.append([frame.f_code.co_name, frame.f_code.co_filename, frame.f_lineno])
        frame = frame.f_back
    return found


def local_of(frame, name):
    while name not in frame.f_locals or frame.f_code.co_name != "waiting":
        frame = frame.f_back
    return id(frame.f_locals[name])


def main():
    service, inner = Service(), enclosing()
    names = {f"name {number}": number for number in range(100)}
    lists = [[names] for _ in range(100)]
    done = threading.Event()
    threads = {}
    for target in (waiting, outer_call):
        ready = threading.Event()
        thread = threading.Thread(target=target, args=(ready, done), daemon=True)
        thread.start()
        ready.wait()
        threads[target.__name__] = thread
    # Whether a thread that said so is inside done.wait() already, only its next step tells.
    while sum(len(event) for event in [done._cond._waiters]) < len(threads):
        pass
    frames = sys._current_frames()
    while not all(frames[each.ident].f_code.co_name == "wait" for each in threads.values()):
        frames = sys._current_frames()
    facts = {
        "samples": [[id(sample), repr(sample)] for sample in SAMPLES],
        "service": id(service), "sessions": id(service.sessions),
        "sessions_item": id(service.sessions[0]),
        "class": id(Service), "function": id(enclosing), "inner": id(inner), "module": id(sys),
        "captured": id(inner()), "by_name": id(service.by_name),
        "user": id(service.by_name["user:1"]),
        "static class": id(list), "names": id(lists[0][0]),
        "local": local_of(frames[threads["waiting"].ident], "mine"),
        "line_of_enclosing": enclosing.__code__.co_firstlineno,
        "file": enclosing.__code__.co_filename,
        "threads": [[each.ident, getattr(each, "native_id", None), stack(frames[each.ident])]
                    for each in threads.values()],
        "main": [threading.get_ident(), threading.get_native_id()],
    }  # fmt: skip
    del frames
    print(json.dumps(facts), flush=True)
    sys.stdin.read()


main()
