"""Garbage of many kinds, made with the collector disabled, and what the collector then says of it.

    garbage.py plain|finalizers FILE

Prints "ready" when the garbage is there. After a line on its standard input it collects, with
gc.DEBUG_SAVEALL and what the collector prints of each object it finds going to FILE, and prints
the ids of what was saved. In `plain` nothing runs that changes the garbage, so that what is found
and what is saved are the same; in `finalizers` something does.
"""

import asyncio
import collections
import contextvars
import ctypes
import functools
import gc
import io
import itertools
import json
import operator
import os
import pickle
import queue
import re
import sqlite3
import ssl
import sys
import threading
import types
import weakref
import xml.etree.ElementTree
import xml.parsers.expat

held = []  # what stays


class Plain:
    def __init__(self, *values):
        self.values = values

    def method(self):
        return self.values


class Slotted:
    __slots__ = ("other", "unset")


class Both(Slotted):
    pass


class ListOf(list):
    pass


class DictOf(dict):
    __slots__ = ("other",)


class TupleOf(tuple):
    pass


class Error(Exception):
    pass


def circle(thing, *, attribute="me"):
    """The object, referring to itself through an attribute."""
    setattr(thing, attribute, thing)
    return thing


def through(make):
    """A list that an object made from it refers back to."""
    box = []
    box.append(make(box))
    return box


# ---- without finalizers -----------------------------------------------------------------------


def containers():
    box = []
    box.append(box)
    table = {}
    table["me"] = table
    table[1] = "one"
    one, two = [], []
    one.append(two)
    two.append(one)
    two.append(["hanging", {"deeper": ("than", ["that"])}])
    through(lambda box: (box, "text"))
    through(lambda box: {"key": box, "other": 1.5})
    through(lambda box: {(1, box.__class__): box, 5: 6})
    through(collections.deque([1, 2]).__class__)
    deque = collections.deque()
    deque.extend([deque, "x"] * 200)
    ordered = collections.OrderedDict()
    ordered["me"] = ordered
    ordered["more"] = object()
    default = collections.defaultdict(list)
    default["me"].append(default)
    counter = collections.Counter()
    counter["me"] = counter
    chain = collections.ChainMap({})
    chain["me"] = chain
    large = {}
    for number in range(1000):
        large["key %d" % number] = large
    named = collections.namedtuple("named", "first second")
    through(lambda box: named(box, 2))
    through(lambda box: types.SimpleNamespace(box=box))
    through(lambda box: types.MappingProxyType({"box": box}))


def instances():
    circle(Plain(1))
    circle(Slotted(), attribute="other")
    circle(Both(), attribute="other")
    circle(circle(Both()), attribute="other")
    circle(ListOf([1, 2]))
    circle(DictOf(), attribute="other")
    circle(TupleOf((1, [2])))
    with_dict = circle(Plain(2))
    vars(with_dict)["more"] = ["in", "its", "dict"]
    changed = circle(Plain(3))
    changed.__dict__ = {"me": changed, "new": [1]}
    kept_dict = circle(Plain(4))
    held.append(kept_dict.__dict__)  # holds it: not garbage
    many = Plain()
    for number in range(60):
        setattr(many, "attribute%d" % number, many)
    parent, child = Plain(), Plain()
    parent.children = [child]
    child.parent = parent
    first = last = Plain()
    for _ in range(500):
        last.next = Plain()
        last.next.previous = last
        last = last.next
    bound = Plain()
    bound.bound = bound.method
    sets = Plain()
    sets.members = {sets, "x"}
    sets.frozen = frozenset([sets])
    del first


def functions():
    def recursive():
        return recursive

    def outer(value):
        def inner():
            return value, inner

        inner.attribute = [inner]
        return inner

    outer([1])

    def with_default(value=[]):  # noqa: B006
        return value

    with_default.__defaults__[0].append(with_default)
    through(lambda box: functools.partial(print, box, key=box))
    through(lambda box: lambda: box)
    cached = functools.lru_cache(maxsize=8)(outer)
    cached([1].__len__)
    cached.itself = cached
    cached(cached)
    unbounded = functools.lru_cache(maxsize=None)(lambda value: value)
    unbounded(unbounded)
    through(lambda box: operator.attrgetter("a", "b"))
    through(lambda box: operator.methodcaller("name", box))
    through(lambda box: operator.itemgetter(1, 2))
    through(lambda box: property(lambda self: box))
    through(lambda box: staticmethod(lambda: box))
    through(lambda box: classmethod(lambda cls: box))
    through(lambda box: box.append)
    cell = (lambda: recursive).__closure__[0]
    through(lambda box: types.MethodType(print, box))
    del cell


def classes():
    class Local:
        attribute = ["of a class"]

        def method(self):
            return __class__, super()

        @property
        def value(self):
            return self

    class Derived(Local):
        __slots__ = ("slot",)

    Derived().slot = 5

    class Meta(type):
        pass

    class WithMeta(Local, metaclass=Meta):
        pass

    instance = circle(Local())
    collections.namedtuple("dropped", "a b")
    type("Made", (Exception,), {"text": "x"})
    Enum = __import__("enum").Enum
    Enum("Colours", "red green")
    held.append(Local.method.__code__)
    namespace = {}
    exec("def f(): return f\nclass C:\n    x = f", namespace)
    del instance, WithMeta


def iterators():
    makers = [
        iter, reversed, enumerate, itertools.cycle, itertools.chain, itertools.tee,
        itertools.accumulate, lambda box: map(print, box), lambda box: filter(None, box),
        lambda box: zip(box, box), lambda box: itertools.islice(box, 5),
        lambda box: itertools.groupby(box), lambda box: itertools.product(box, box),
        lambda box: itertools.permutations(box), lambda box: itertools.combinations(box, 1),
        lambda box: itertools.repeat(box), lambda box: itertools.starmap(print, box),
        lambda box: itertools.takewhile(bool, box), lambda box: itertools.zip_longest(box, box),
        lambda box: itertools.compress(box, box), lambda box: itertools.count(1.5),
        lambda box: iter(box.__len__, 7), lambda box: iter({"a": box}.values()),
        lambda box: iter((box,)), lambda box: iter({1: box}.items()),
        lambda box: iter(collections.deque([box])), lambda box: slice(box, box),
        lambda box: itertools.dropwhile(bool, box), lambda box: itertools.filterfalse(bool, box),
        lambda box: {"a": box}.values(), lambda box: {1: box}.items(), lambda box: {1: box}.keys(),
        lambda box: iter(collections.OrderedDict(a=box).values()),
    ]  # fmt: skip
    for make in makers:
        through(make)
    source = [[1], [2]]
    tee, _ = itertools.tee(source)
    next(tee)
    source.append(tee)
    cycle = itertools.cycle(source)
    next(cycle)
    source.append(cycle)


def errors():
    try:
        raise Error("caught")
    except Error as error:
        kept = error  # a cycle: frame, exception, traceback

    def failing(depth):
        local = [depth]
        if depth:
            failing(depth - 1)
        raise Error(local)

    try:
        failing(3)
    except Error as error:
        error.itself = error
        error.more = kept
    try:
        try:
            raise KeyError(1)
        except KeyError as error:
            raise ValueError(2) from error
    except ValueError as error:
        chained = error
    chained.__cause__.back = chained
    frame = sys._getframe()
    here = [frame]
    del here, frame, kept, chained
    through(lambda box: types.TracebackType(None, sys._getframe(), 1, 1) and Error(box))
    for error in (SyntaxError("x", (1, 2, 3, [4])), OSError(1, [2], [3]), StopIteration([1]),
                  UnicodeDecodeError("x", b"x", 1, 2, "y"), ImportError("x"), SystemExit([1]),
                  AttributeError("x"), NameError("y")):  # fmt: skip
        circle(error)
    if sys.version_info >= (3, 11):
        circle(ExceptionGroup("group", [ValueError(1)]))  # noqa: F821


class PicklerOf(pickle.Pickler):
    def persistent_id(self, thing):
        return None


class ElementOf(xml.etree.ElementTree.Element):
    pass


class PartialOf(functools.partial):
    pass


class DequeOf(collections.deque):
    pass


class OrderedOf(collections.OrderedDict):
    pass


class LocalOf(threading.local):
    pass


class FutureOf(Exception):
    __slots__ = ("other",)


class Structure(ctypes.Structure):
    _fields_ = [("object", ctypes.py_object), ("number", ctypes.c_int)]


def c_types():
    structure = Structure()
    circle(structure)
    circle(ctypes.c_int(5))
    circle(ctypes.create_string_buffer(5))
    pointer = ctypes.pointer(structure)
    circle(pointer)
    circle((ctypes.c_int * 3)(1, 2, 3))
    box = []
    box.append(ctypes.CFUNCTYPE(ctypes.c_int)(lambda: len(box)))
    re_box = []
    pattern = re.compile("a+ %d" % id(re_box))
    re_box.append(re_box)
    re_box.append((pattern, pattern.match("aa"), pattern.finditer("aaa")))
    text = io.StringIO("text")
    circle(text)
    circle(io.BytesIO(b"bytes"))
    circle(io.TextIOWrapper(io.BytesIO(b"x")))
    circle(io.BufferedReader(io.BytesIO(b"x")))
    circle(threading.local())
    circle(contextvars.copy_context().run(Plain))
    variable = contextvars.ContextVar("variable")
    context = contextvars.copy_context()
    holder = [context, variable]
    context.run(variable.set, holder)
    pickler = circle(PicklerOf(io.BytesIO()))
    pickler.dump([Plain(5), {"a": [1]}])
    memo = []
    pickler = PicklerOf(io.BytesIO())
    memo.append(pickler)
    pickler.dump([memo, "what the memo refers to"].__class__([1]))
    unpickler_box = []
    unpickler = pickle.Unpickler(io.BytesIO(pickle.dumps([[1], {"a": 2}])))
    unpickler.load()
    unpickler_box.append((unpickler, unpickler_box))
    element = xml.etree.ElementTree.Element("tag")
    element.text = element.tail = "text"
    element.append(xml.etree.ElementTree.Element("child"))
    element.set("me", element)
    many = xml.etree.ElementTree.Element("many")
    for _ in range(9):
        xml.etree.ElementTree.SubElement(many, "x")
    many.set("me", many)
    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler = lambda *arguments: parser
    simple = queue.SimpleQueue()
    for _ in range(5):
        simple.put(simple)
    simple.get()
    connection = sqlite3.connect(":memory:")
    connection.row_factory = lambda *arguments: connection
    cursor = connection.cursor()
    held.append(cursor)  # holds it
    view_box = [bytearray(5)]
    view_box.append((memoryview(view_box[0]), view_box))
    through(lambda box: ast_of(box))
    secure = circle(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    secure.sni_callback = lambda *arguments: secure
    struct_box = [os.stat("/"), sys.version_info]
    struct_box.append(struct_box)
    for instance in (ElementOf("tag"), PartialOf(print), DequeOf([1]), OrderedOf(a=1), LocalOf(),
                     FutureOf("x"), functools.partial(print), io.FileIO(os.devnull)):  # fmt: skip
        circle(instance)
    reader = circle(io.BytesIO(b"x"))
    circle(io.BufferedRWPair(reader, circle(io.BytesIO())))
    alias = list[int] if sys.version_info >= (3, 9) else None
    through(lambda box: (alias, box))
    module = types.ModuleType("dropped")
    module.itself = module
    module.function = types.FunctionType((lambda: 1).__code__, module.__dict__)


def ast_of(box):
    import ast

    tree = ast.parse("x = [1]")
    tree.box = box
    return tree


def alive():
    """Cycles that something holds: none of this is garbage."""
    box = []
    box.append(box)
    held.append(box)
    held.append(circle(Plain("held")))
    by_frame = circle(Plain("by a frame"))
    generator = waiting(by_frame)
    next(generator)
    held.append(generator)
    by_c = circle(Plain("by C"))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(by_c))
    held.append(iter([circle(Plain("by an iterator"))]))
    held.append(functools.partial(print, circle(Plain("by a partial"))))
    weak = circle(Plain("weakly"))
    held.append(weakref.ref(weak))  # does not hold it
    held.append(threading.Thread(target=print, args=(circle(Plain("by a thread")),)))


def waiting(value):
    local = [value]
    yield value
    return local


def frozen():
    """What gc.freeze() puts aside is not collected, and holds what it refers to."""
    box = []
    box.append(box)
    box.append(circle(Plain("held by what is frozen")))
    del box
    if hasattr(gc, "freeze"):
        gc.freeze()


def old(generation):
    """Objects that a collection has left in an older generation."""
    box = Plain()
    box.me = box
    box.more = [{"a": [box]}]
    gc.collect(generation)
    return box


def plain():
    frozen()
    kept = [old(0), old(1)]
    kept.append(old(2))
    for make in (containers, instances, functions, classes, iterators, errors, c_types, alive):
        make()
    weak_both = circle(Plain("with a weak reference inside"))
    weak_both.weak = weakref.ref(weak_both)
    weak_both.with_callback = weakref.ref(weak_both, print)  # garbage itself: not called
    weak_both.proxy = weakref.proxy(weak_both)
    held.append(weakref.WeakSet([weak_both]).__len__)
    dead = circle(weakref.WeakValueDictionary())
    dead.weak = 1
    kept.clear()


# ---- with finalizers --------------------------------------------------------------------------


class Finalized:
    calls = []

    def __del__(self):
        Finalized.calls.append(1)


class Resurrected:
    def __del__(self):
        held.append(self)


class Legacy(Plain):
    pass


async def coroutine(event, holder):
    local = [holder, event]
    await event.wait()
    return local


async def async_generator(holder):
    local = [holder]
    yield local


def dropped_tasks():
    loop = asyncio.new_event_loop()

    async def main():
        event = asyncio.Event()
        task = asyncio.ensure_future(coroutine(event, []))
        await asyncio.sleep(0)
        future = loop.create_future()
        future.me = [future]
        future.add_done_callback(lambda done: future)
        event.task = task
        finished = loop.create_future()
        finished.set_result([finished])
        failed = loop.create_future()
        failed.set_exception(Error(failed))
        failed.exception()

    task = loop.create_task(main())
    loop.run_until_complete(task)
    loop.close()


def generators():
    box = []
    generator = waiting(box)
    next(generator)
    box.append(generator)
    unstarted = waiting([1])
    held_by_itself = [unstarted]
    held_by_itself.append(held_by_itself)
    coroutine_box = []
    waits = coroutine(asyncio.Future(loop=asyncio.new_event_loop()), coroutine_box)
    coroutine_box.append(waits)
    asynchronous_box = []
    asynchronous_box.append(async_generator(asynchronous_box))

    def delegating(inner):
        yield from inner

    outer_box = []
    outer = delegating(waiting(outer_box))
    next(outer)
    outer_box.append(outer)
    finished_box = []
    finished = waiting(finished_box)
    list(finished)
    finished_box.append(finished)
    expression_box = []
    expression = (each for each in [expression_box, 2])
    next(expression)
    expression_box.append(expression)
    handling_box = []

    def handling():
        try:
            raise Error(handling_box)
        except Error:
            yield 1

    handler = handling()
    next(handler)
    handling_box.append(handler)
    held.append(waits.close)


def finalizers():
    circle(Resurrected())
    gc.collect()
    second = held.pop()
    assert type(second) is Resurrected
    circle(Finalized())
    through(lambda box: circle(Finalized()))
    circle(Resurrected()).more = [circle(Plain("resurrected"))]
    target = circle(Plain("with callbacks"))
    held.append(weakref.ref(target, lambda reference: held.append("called")))
    held.append(weakref.finalize(target, len, "x"))
    generators()
    dropped_tasks()
    circle(open(os.devnull))  # noqa: SIM115
    circle(io.TextIOWrapper(io.BytesIO(b"x")))


def collect(path):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    sys.stderr.flush()
    os.dup2(file, 2)
    gc.set_debug(gc.DEBUG_SAVEALL | gc.DEBUG_COLLECTABLE | gc.DEBUG_UNCOLLECTABLE)
    gc.collect()
    gc.set_debug(0)
    sys.stderr.flush()
    saved = [id(thing) for thing in gc.garbage]
    sys.stdout.write(json.dumps(saved) + "\n")
    sys.stdout.flush()


def main():
    gc.disable()
    gc.collect()
    {"plain": plain, "finalizers": finalizers}[sys.argv[1]]()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    collect(sys.argv[2])
    sys.stdin.readline()
    os._exit(0)


main()
