"""Makes objects of the types that have free lists, and drops them.

Prints {"dropped": {kind: [address, ...]}, "kept": the same of others} as JSON. What is printed is
made before anything is dropped, so that hardly anything is taken from a free list again.
"""

import asyncio
import contextvars
import gc
import json
import os
import sys

COUNT = 60
gc.disable()


class Plain:
    def method(self):
        return sys._getframe()


def nested(frames, depth):
    frames.append(sys._getframe())
    if depth:
        nested(frames, depth - 1)


def cell(value):
    return (lambda: value).__closure__[0]


async def generator():
    yield 1


def make():
    """Kind -> objects. Of each type, a kind for each free list that it has in some version."""
    plain = Plain()
    frames = []
    nested(frames, COUNT - 1)
    many = range(COUNT)
    agen = generator()
    loop_future = asyncio.Future(loop=asyncio.new_event_loop())
    return {
        "float": [n / 7 for n in many],
        "int": [10**6 + n for n in many],
        "large int": [10**30 + n for n in many],
        "complex": [complex(n, 7) for n in many],
        "tuple of 1": [(n + 10**6,) for n in many],
        "tuple of 5": [(n, n, n, n, n) for n in many],
        "list": [[n] for n in many],
        "dict": [{"key": n} for n in many],
        "empty dict": [{} for _ in many],
        "set": [{n} for n in many],
        "method": [plain.method for _ in many],
        "builtin method": [[].append for _ in many],
        "frame": frames,
        "slice": [slice(n + 10**6) for n in many],
        "context": [contextvars.copy_context() for _ in many],
        "range": [range(n + 1000) for n in many],
        "list iterator": [iter([1]) for _ in many],
        "tuple iterator": [iter((1, n)) for n in many],
        "range iterator": [iter(range(n)) for n in many],
        "asend": [agen.__anext__() for _ in many],
        "future iterator": [iter(loop_future) for _ in many],
        "instance": [Plain() for _ in many],
        "cell": [cell(n) for n in many],
    }


def main():
    import warnings

    warnings.simplefilter("ignore")
    dropped = make()
    kept = make()
    facts = {
        "dropped": {kind: [id(each) for each in objects] for kind, objects in dropped.items()},
        "kept": {kind: [id(each) for each in objects] for kind, objects in kept.items()},
    }
    text = (json.dumps(facts) + "\n").encode()
    del facts
    for objects in dropped.values():
        objects.clear()
    os.write(1, text)
    os.read(0, 1)
    assert kept


main()
