"""A heap with what is hard for other programs to read: names, shapes, and ways not to be held.

Says where its things are, then obeys a word a line: "change" makes and drops objects, and says
which.
"""

import collections
import json
import sys
import weakref

HOSTILE = [
    '"quotes" and \\backslashes\\',
    "</script><!-- ]]> --",
    "=1+1, \r\n a line, and another",
    "\x00\x01\x1b[31m\x7f\x85\u2028",
    "\U0001f4a9 \ud800 unpaired",
    "%s %n {0} $(id) `id`",
    "1 / part of key (a @1) -> value (b @3) pair in WeakMap (table @5)",
    "__proto__",
    "\u202eright to left",
    "x" * 5000,
]


class Node:
    def __init__(self, parent=None):
        self.parent = parent
        self.children = []


class Object:  # DevTools would name a plain "Object" after its properties
    __slots__ = ("first", "second")


class Slotted:
    __slots__ = ("next", "__weakref__")


class Watched:
    """Weakly held by others: they retain nothing of it."""

    def __init__(self):
        self.payload = bytearray(100_000)


def tree(depth):
    node = Node()
    if depth:
        for _ in range(3):
            child = tree(depth - 1)
            child.parent = node
            node.children.append(child)
    return node


def chain(length):
    """Every link dominates all that follow."""
    first = last = Slotted()
    for _ in range(length):
        last.next = Slotted()
        last = last.next
    last.next = first
    return first


def make_closure():
    captured = ["captured", bytearray(5000)]

    def closure(argument=({"default": 1},)):
        return captured, argument

    return closure


def generate():
    local = {"in a generator": bytearray(3000)}
    yield local


def make_garbage():
    for _ in range(50):
        node = Node()
        node.children.append(node)
        node.payload = bytearray(1000)


def change(kept):
    dropped = [id(node) for node in kept.pop("some")]
    kept["new"] = [Slotted() for _ in range(70)]
    return {"removed": dropped, "added": [id(each) for each in kept["new"]]}


def main():
    import gc

    gc.collect()
    gc.disable()
    watched = Watched()
    shared = ["shared", bytearray(20_000)]
    plain = Object()
    plain.first, plain.second = shared, shared
    kept = {
        "hostile": {text: [text] for text in HOSTILE},
        "tree": tree(6),
        "chain": chain(20_000),
        "closure": make_closure(),
        "generator": generate(),
        "watched": watched,
        "weak": [weakref.ref(watched), weakref.WeakValueDictionary(it=watched)],
        "object": plain,
        "shared": (shared, {"again": shared}),
        "deque": collections.deque([1.5, 2.5]),
        "ordered": collections.OrderedDict(a=[1], b=[2]),
        "big": bytearray(3 << 20),
        3: "a key that is a number",
        (1, "two"): {3, 4.5},
        "types": [type("Made%d" % i, (Node,), {"number": i}) for i in range(20)],
        "some": [Slotted() for _ in range(100)],
    }
    next(kept["generator"])
    for text in HOSTILE:
        setattr(kept["tree"], text.encode("utf-8", "replace").decode(), text)
    make_garbage()
    facts = {"hostile": id(kept["hostile"]), "tree": id(kept["tree"]), "watched": id(watched),
             "kept": id(kept), "shared": id(shared)}  # fmt: skip
    print(json.dumps(facts), flush=True)
    for line in sys.stdin:
        if line.strip() == "change":
            print(json.dumps(change(kept)), flush=True)


main()
