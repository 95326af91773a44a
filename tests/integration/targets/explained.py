"""Objects that are held in one known way each, for `why`.

Arguments: a folder with the extension `leaky`, or none.
"""

import contextvars
import gc
import json
import sys
import threading


class Session:
    def __init__(self, item):
        self.items = [item]


class Slotted:
    __slots__ = ("items",)


class Node:
    pass


class Thing:
    pass


class Merged:
    pass


class Lost:
    pass


class Alone:
    pass


class Registry:
    entries = [Thing()]


CACHE = {"user:17": Session(Thing())}

plain = Node()
plain.value = [Thing()]
materialised = Node()
materialised.value = [Thing()]
namespace = materialised.__dict__
namespace_id = id(namespace)
del namespace  # a __dict__ of its own, which nobody else holds
slotted = Slotted()
slotted.items = [Thing()]


def make_closure():
    secret = [Thing()]

    def inner():
        return secret

    return inner, id(secret[0])


inner, secret_id = make_closure()

local = threading.local()
local.value = [Thing()]

REQUEST = contextvars.ContextVar("request")

ready, forever = threading.Event(), threading.Event()


def work():
    job = [Thing()]
    ready.set()
    forever.wait()
    return job


thread = threading.Thread(target=work, daemon=True)


def generate():
    suspended = [Thing()]
    yield id(suspended[0])
    return suspended


generator = generate()
suspended_id = next(generator)

several = Thing()
ONE, TWO, THREE, FOUR = [several], {"key": several}, (0, several), Node()
FOUR.several = several
several_id = id(several)
del several

MERGED = {"user:%d" % number: Session(Merged()) for number in range(300)}
MORE = [Merged() for _ in range(40)]


def make_garbage():
    """None of them is in a frame that goes on."""
    lost = Lost()
    lost.me = lost
    lost.inner = [Thing()]
    for _ in range(7):
        merged = Merged()
        merged.me = [merged]
    return id(lost), id(lost.inner[0])


chain = last = Node()
for _ in range(300):
    last.next = Node()
    last = last.next
last.items = [Thing()]
long_id = id(last.items[0])
del last

nested = inside = []
for number in range(100):  # [0] -> [1] -> [0] ...
    inside[:] = [None] * (number % 2) + [[]]
    inside = inside[-1]
inside.append(Thing())
nested_id = id(inside[0])
del inside


native = {}


def native_objects():
    import leaky

    kept, local_kept, boxed, leaked = [Alone()], [Alone()], [Alone()], [Alone()]
    leaky.keep(kept)
    leaky.keep_in_local(local_kept)
    leaky.put_away(boxed)
    leaky.leak(leaked)
    circle = [Alone()]
    circle.append(leaky.wrap(circle))
    ids = {"kept": kept, "kept_in_local": local_kept, "boxed": boxed, "leaked": leaked,
           "circle": circle}  # fmt: skip
    native.update((name, id(thing[0])) for name, thing in ids.items())


def frozen_objects():
    """A cycle that nothing holds, and that gc.freeze() has put aside."""
    aside = Node()
    aside.me = aside
    aside.items = [Thing()]
    return id(aside.items[0])


gc.collect()
gc.disable()
frozen_id = frozen_objects()
gc.freeze()
thread.start()
ready.wait()
REQUEST.set([Thing()])
lost_id, inner_lost_id = make_garbage()
if len(sys.argv) > 1:
    sys.path.insert(0, sys.argv[1])
    maker = threading.Thread(target=native_objects)  # leaves nothing on a C stack that stays
    maker.start()
    maker.join()
print(
    json.dumps({
        "cached": id(CACHE["user:17"].items[0]), "attribute": id(plain.value[0]),
        "in_dict": id(materialised.value[0]), "its_dict": namespace_id,
        "slot": id(slotted.items[0]), "of_class": id(Registry.entries[0]), "closure": secret_id,
        "thread_local": id(local.value[0]), "variable": id(REQUEST.get()[0]),
        "generator": suspended_id, "several": several_id, "lost": lost_id,
        "inner_lost": inner_lost_id, "long": long_id, "frozen": frozen_id,
        "nested": nested_id, "lost_class": id(Lost),
        "namespace": id(globals()), "module": id(sys.modules["__main__"]), **native,
    }),
    flush=True,
)  # fmt: skip
sys.stdin.read()
