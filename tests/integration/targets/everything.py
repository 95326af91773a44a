"""A process with objects of every kind that the standard library has, which tells what it knows.

    python everything.py FILE      writes FILE (see self_knowledge.py), then prints one JSON line

Prints {"refcounts": {address: count}}, then waits on standard input; "skip " and why, where this
CPython was made without one of the modules.
"""

try:
    import _ctypes  # noqa: F401
    import _lzma  # noqa: F401
    import _sqlite3  # noqa: F401
    import _ssl  # noqa: F401
except ImportError as error:
    print("skip made without %s" % error.name)
    raise SystemExit from None

import argparse
import array
import ast
import asyncio
import base64
import bisect
import collections
import concurrent.futures
import contextlib
import contextvars
import copy
import csv
import ctypes
import dataclasses
import datetime
import decimal
import email.message
import enum
import fractions
import functools
import gc
import hashlib
import heapq
import hmac
import http.client
import inspect
import io
import itertools
import json
import logging
import lzma
import mmap
import operator
import os
import pathlib
import pickle
import queue
import random
import re
import select
import socket
import sqlite3
import ssl
import struct
import sys
import tempfile
import threading
import time
import types
import typing
import unittest
import uuid
import weakref
import xml.etree.ElementTree
import xml.parsers.expat
import zipfile
import zlib

import self_knowledge

held = {}  # name -> whatever has to stay alive


def keep(**things):
    held.update(things)


class Plain:
    """Instances with __dict__."""

    def __init__(self, number):
        self.number = number
        self.text = "text %d" % number
        self.items = [number, float(number)]

    def method(self):
        return self.number

    @property
    def doubled(self):
        return 2 * self.number

    @classmethod
    def make(cls):
        return cls(0)

    @staticmethod
    def nothing():
        return None


class Slotted:
    __slots__ = ("left", "right", "unset", "__weakref__")

    def __init__(self, left, right):
        self.left = left
        self.right = right


class SlottedWithDict(Slotted):
    __slots__ = ("third", "__dict__")


class MyList(list):
    pass


class MyDict(dict):
    def __missing__(self, key):
        return key


class MyTuple(tuple):
    pass


class MyTupleWithoutDict(tuple):
    __slots__ = ()


class MySlottedTuple(tuple):
    __slots__ = ("owner", "note") if sys.version_info >= (3, 15) else ()


class MyDeeperTuple(MySlottedTuple):
    __slots__ = ("more",) if sys.version_info >= (3, 15) else ()


class MyStr(str):
    pass


class MyBytes(bytes):
    pass


class MyInt(int):
    pass


class MyFloat(float):
    pass


class MySet(set):
    pass


class MyFrozenSet(frozenset):
    pass


class MySlottedStr(str):
    __slots__ = ("owner", "other")


class MySlottedList(list):
    __slots__ = ("owner",)


class MyException(ValueError):
    pass


class MyDeque(collections.deque):
    pass


class MyOrdered(collections.OrderedDict):
    pass


class MyDate(datetime.datetime):
    pass


class MyModule(types.ModuleType):
    pass


class MyPartial(functools.partial):
    pass


class MyWeakref(weakref.ref):
    pass


class Meta(type):
    def __new__(meta, name, bases, space):
        space["made_by"] = meta
        return super().__new__(meta, name, bases, space)


class Made(metaclass=Meta):
    pass


class Colour(enum.Enum):
    RED = 1
    GREEN = "green"


class Permission(enum.IntFlag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: typing.List[int] = dataclasses.field(default_factory=list)


class Named(typing.NamedTuple):
    first: int
    second: typing.Optional[str] = None


class Descriptor:
    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        return self


class WithDescriptor:
    member = Descriptor()


class Node:
    def __init__(self):
        self.me = self


def instances():
    plain = [Plain(number) for number in range(50)]
    uneven = Plain(1)
    uneven.__dict__["made of parts " + str(uneven.number)] = 1
    shrunk = Plain(2)
    del shrunk.text
    materialised = [Plain(3), Plain(4)]
    dicts = [vars(materialised[0]), materialised[1].__dict__]
    many = Plain(5)
    for number in range(40):
        setattr(many, "attribute_%d" % number, number)
    replaced = Plain(6)
    replaced.__dict__ = {"other": "dict", 1: 2}
    slotted = Slotted([1], {"two": 2})
    both = SlottedWithDict(slotted, None)
    both.third = both.fourth = [both]
    keep(
        plain=plain, uneven=uneven, shrunk=shrunk, materialised=materialised, dicts=dicts,
        many=many, replaced=replaced, slotted=slotted, both=both, empty=Made(), node=Node(),
        colours=list(Colour), permission=Permission.READ | Permission.WRITE, point=Point(1, [2]),
        named=Named(1), described=WithDescriptor(), space=types.SimpleNamespace(a=1, b=[2]),
        fresh=[Plain.__new__(Plain) for _ in range(3)],
    )  # fmt: skip


def subclasses():
    my_list = MyList([1, [2]])
    my_list.note = ["attribute"]
    my_dict = MyDict(a=[1])
    my_dict.note = ["attribute"]
    my_tuple = MyTuple([1, [2]])
    my_tuple.note = ["attribute"]
    deeper = MyDeeperTuple([1, [2]])
    if sys.version_info >= (3, 15):
        deeper.owner, deeper.note, deeper.more = [deeper], ["attribute"], {"more": 1}
    my_str = MyStr("text")
    my_str.note = ["attribute"]
    my_bytes = MyBytes(b"bytes, and some more")
    my_bytes.note = ["attribute"]
    my_int = MyInt(1 << 100)
    my_int.note = ["attribute"]
    negative = MyInt(-5)
    negative.note = ["attribute"]
    my_set = MySet([1, (2, 3)])
    my_set.note = ["attribute"]
    slotted = MySlottedList([1])
    slotted.owner = [slotted]
    slotted_str = MySlottedStr("ab\u4e2d")
    slotted_str.owner = [slotted]
    my_deque = MyDeque([1, [2]])
    my_deque.note = ["attribute"]
    my_ordered = MyOrdered(a=[1], b=2)
    my_ordered.note = ["attribute"]
    my_date = MyDate(2020, 1, 2, tzinfo=datetime.timezone.utc)
    my_date.note = ["attribute"]
    my_module = MyModule("my_module", "its documentation")
    my_module.note = ["attribute"]
    my_partial = MyPartial(print, 1, end="")
    my_partial.note = ["attribute"]
    my_reference = MyWeakref(my_set, lambda reference: None)
    my_reference.note = ["attribute"]
    keep(
        my_list=my_list, my_dict=my_dict, my_tuple=my_tuple, bare=MyTupleWithoutDict([1, [2]]),
        slotted_tuples=[deeper, MySlottedTuple([1, [2]]), MySlottedTuple()],
        my_str=my_str, my_bytes=my_bytes, my_int=my_int, my_float=MyFloat(1.5), negative=negative,
        my_set=my_set, my_frozen=MyFrozenSet([1, 2]), slotted_list=slotted,
        slotted_str=slotted_str, my_deque=my_deque,
        my_ordered=my_ordered, my_date=my_date, my_module=my_module, my_partial=my_partial,
        my_reference=my_reference, wide=MyStr("\u4e2d\U0001f600"), unset=MyList(),
    )  # fmt: skip


def containers():
    holed = {number: [number] for number in range(100)}
    for number in range(0, 100, 3):
        del holed[number]
    big = {"key %d" % number: [number] for number in range(300)}
    huge = {number: None for number in range(70000)}
    emptied = {"a": [1]}
    emptied.clear()
    mixed = {"text": [1], 1: [2], (1, 2): [3], 2.5: [4], None: [5], b"bytes": [6]}
    grown = set(range(1000))
    shrunk = set(range(1000, 1100))
    for number in range(1000, 1090):
        shrunk.discard(number)
    small = {("a", 1), ("b", 2)}
    window = collections.deque(maxlen=10)
    for number in range(200):
        window.append([number])
    long_deque = collections.deque([number] for number in range(500))
    long_deque.rotate(70)
    for _ in range(40):
        long_deque.popleft()
    ordered = collections.OrderedDict((str(number), [number]) for number in range(50))
    ordered.move_to_end("3")
    del ordered["7"]
    default = collections.defaultdict(list)
    default["a"].append([1])
    over_allocated = []
    for number in range(77):
        over_allocated.append((number, [number]))
    popped = list(range(1000, 1100))
    del popped[5:]
    keep(
        holed=holed, big=big, huge=huge, emptied=emptied, mixed=mixed, grown=grown,
        shrunk_set=shrunk,
        small=small, frozen=frozenset(["a", ("b",)]), window=window, long_deque=long_deque,
        ordered=ordered, default=default, counter=collections.Counter("mississippi"),
        over_allocated=over_allocated, popped=popped, nested=[[[[]]]], empty_things=[{}, [], set()],
        chain=collections.ChainMap({"a": 1}, {"b": [2]}), user=collections.UserDict(a=[1]),
        views=[big.keys(), big.values(), big.items()], proxy=types.MappingProxyType(big),
        nested_tuples=((1, (2, [3])), ()), copied=big.copy(),
    )  # fmt: skip


def scalars():
    cached = "\xfcmlaut \u4e2d\u6587" + str(len(held))
    ctypes.pythonapi.PyUnicode_AsUTF8.argtypes = [ctypes.py_object]
    ctypes.pythonapi.PyUnicode_AsUTF8(cached)
    keep(
        strings=["", "a", "\xe9", "plain ascii %d" % 5, "latin \xe9 %d" % 6, "\u4e2d %d" % 7,
                 "\U0001f600 %d" % 8, cached, "x" * 5000, "\U0001f600" * 3000,
                 sys.intern("interned %d" % 9)],
        integers=[0, 1, -1, 256, 257, 1 << 30, -(1 << 30), (1 << 30) - 1, 1 << 60, 1 << 64,
        -(1 << 64),
                  1 << 1000, -(1 << 5000)],
        floats=[0.0, -1.5, float("inf"), float("nan")],
        complexes=[1j, -2.5 + 3j],
        blobs=[b"", b"a", b"bytes of some length", bytes(5000)],
        ellipsis=[..., NotImplemented, True, False, None],
        mutable=[bytearray(), bytearray(b"abc"), bytearray(5000)],
        ranges=[range(3), range(1 << 70, 1 << 71, 3), slice(1, [2], None)],
        decimals=[decimal.Decimal("1.5"), decimal.Decimal("1" * 200), decimal.getcontext().copy()],
        fractions=[fractions.Fraction(1, 3)],
    )  # fmt: skip


if sys.version_info < (3, 12):

    def legacy_strings():
        """Strings made by the old interface, and one with a cached wchar_t form."""
        make = ctypes.pythonapi.PyUnicode_FromUnicode
        make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_ssize_t]
        buffer = ctypes.create_unicode_buffer("legacy \u4e2d\U0001f600 string")
        as_unicode = ctypes.pythonapi.PyUnicode_AsUnicode
        as_unicode.restype, as_unicode.argtypes = ctypes.c_void_p, [ctypes.py_object]
        waiting = make(None, 20)
        # Its 20 characters are whatever stood there, and many are none: let it say the same always.
        text = ctypes.create_unicode_buffer("waits \u4e2d to be ready", 20)
        ctypes.memmove(as_unicode(waiting), text, ctypes.sizeof(text))
        wide = "both forms \xe9 " + str(len(held))
        as_unicode(wide)
        narrow = "ascii in both forms " + str(len(held))
        as_unicode(narrow)
        ready = make(ctypes.addressof(buffer), len(buffer))
        keep(legacy=[waiting, wide, narrow, ready, MyStr("\u4e2d" + str(len(held)))])

else:

    def legacy_strings():
        """There are none any more."""


@functools.lru_cache(maxsize=100)
def cached_with_limit(key, other=None):
    return [key, other]


@functools.lru_cache(maxsize=None)
def cached_without_limit(key):
    return [key]


@functools.singledispatch
def dispatched(thing):
    return thing


@dispatched.register(int)
def _(thing):
    return -thing


def outer(first, second=([], 2), *, third=3):
    cell = [first]
    unset = None

    def inner(argument: int = 5) -> list:
        nonlocal unset
        unset = cell
        return [cell, second, third, argument, inner]

    inner.attribute = ["of a function"]
    return inner


def functions():
    cached_with_limit("a")
    cached_with_limit("b", other=[1].__len__())
    cached_with_limit(1)
    cached_with_limit("a")
    for number in range(150):
        cached_with_limit((number, "tuple"))
    cached_without_limit("a")
    cached_without_limit(("a", 1))
    plain = Plain(7)
    keep(
        closure=outer([1]), bound=plain.method, builtin=[1].append, descriptor=str.join,
        slot=list.__len__, wrapper=[1].__len__, getset=type.__dict__["__dict__"],
        member=Slotted.left, partial=functools.partial(outer, [1], third=[2]),
        partial_method=functools.partialmethod(outer, 1), property=Plain.doubled,
        class_method=Plain.__dict__["make"], static=Plain.__dict__["nothing"],
        super=super(MyList, MyList([1])), getters=[operator.attrgetter("a.b"),
        operator.itemgetter(1, "x"),
                                                   operator.methodcaller("join", [1], key=2)],
        cached_property=functools.cached_property(outer), reduce=functools.cmp_to_key(outer)([1]),
        code=compile("x = [1, 'a', (2, 3)]\ndef f(): return x", "made.py", "exec"),
        signature=inspect.signature(outer), lambdas=[lambda: plain, lambda value=[1]: value],
        generic=[typing.List[int], typing.Dict[str, "Plain"], typing.Union[int, str]],
        type_variable=typing.TypeVar("T", bound=Plain),
        instance_method=types.MethodType(outer, plain),
    )  # fmt: skip
    if sys.version_info >= (3, 9):
        keep(alias=list[int], aliases=dict[str, list[int]])
    if sys.version_info >= (3, 10):
        keep(union=int | str)


def counting(start):
    local = [start]
    try:
        while True:
            local.append((yield local[-1]))
    finally:
        local = None


def delegating():
    result = yield from counting(5)
    return result


@types.coroutine
def suspension(value):
    yield value


async def suspended(depth):
    local = ["depth", depth]
    if depth:
        await suspended(depth - 1)
    else:
        await suspension(local)
    return local


async def asynchronous():
    for number in range(3):
        local = [number]
        yield local
        await suspension(local)


async def use_asynchronous():
    async for item in asynchronous():
        await suspension([item])


def generators():
    running = counting(1)
    next(running)
    running.send([2])
    fresh = counting(3)
    finished = (number for number in [])
    list(finished)
    outer_generator = delegating()
    next(outer_generator)
    coroutine = suspended(3)
    coroutine.send(None)
    unstarted = suspended(1)
    async_coroutine = use_asynchronous()
    async_coroutine.send(None)
    async_generator = asynchronous()
    stepping = async_generator.__anext__()
    expression = (item for item in [[1], [2]] if item)
    next(expression)
    keep(
        running=running, fresh_generator=fresh, finished=finished, delegating=outer_generator,
        coroutine=coroutine, unstarted=unstarted, async_coroutine=async_coroutine,
        async_generator=async_generator, stepping=stepping, expression=expression,
        awaiter=suspended(0).__await__(), generator_frame=running.gi_frame,
        coroutine_frame=coroutine.cr_frame,
    )  # fmt: skip


def failing(depth):
    local = ["in the frame", depth]
    if depth:
        failing(depth - 1)
    raise MyException("deep", local)


def exceptions():
    try:
        try:
            failing(5)
        except MyException as error:
            raise KeyError("from") from error
    except KeyError as error:
        caught = error
    caught.note = ["attribute"]
    more = []
    for code in ("1 +", "import no_such_module", "[].x", "open('/no/such')", "b'\\xff'.decode()",
                 "{}[1]", "1/0", "raise SystemExit(3)", "raise StopIteration([1])",
                 "'\\ud800'.encode()", "no_such_name"):  # fmt: skip
        try:
            exec(code, {})
        except BaseException as error:
            more.append(error)
    keep(caught=caught, more=more, frame=caught.__context__.__traceback__.tb_frame,
         own_frame=sys._getframe())  # fmt: skip
    if sys.version_info >= (3, 11):
        keep(group=BaseExceptionGroup("group", [ValueError(1), caught]))  # noqa: F821
        caught.add_note("a note")


def references():
    plain, function = Plain(8), outer([2])
    dead = weakref.ref(Plain(9))
    keep(
        weak=[weakref.ref(plain), weakref.ref(plain, held.get), weakref.proxy(plain),
              weakref.proxy(function), dead, weakref.WeakMethod(plain.method)],
        weak_target=plain, weak_function=function, weak_set=weakref.WeakSet([plain]),
        weak_keys=weakref.WeakKeyDictionary({plain: [1]}),
        weak_values=weakref.WeakValueDictionary({"key": plain}),
        finalizer=weakref.finalize(plain, outer, [1]),
    )  # fmt: skip


class Pair(ctypes.Structure):
    _fields_ = [("first", ctypes.c_int), ("text", ctypes.c_char_p), ("object", ctypes.py_object)]


class Overlay(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("pair", Pair)]


def buffers():
    data = bytearray(b"some data to look at")
    numbers = array.array("d", [1.0, 2.5])
    memory = mmap.mmap(-1, 4096)
    pair = Pair(1, b"kept alive", None)
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda number: number)
    keep(
        data=data, views=[memoryview(data), memoryview(data)[3:9], memoryview(b"bytes")[::2],
                          memoryview(numbers), memoryview(memory)],
        numbers=numbers, arrays=[array.array(code, [1, 2, 3]) for code in "bBhHiIlLqQf"],
        empty_array=array.array("i"), text_array=array.array("u", "text"), memory=memory, pair=pair,
        overlay=Overlay(), callback=callback, pointer=ctypes.pointer(pair),
        by_reference=ctypes.byref(pair),
        c_array=(ctypes.c_int * 5)(1, 2), c_strings=(ctypes.c_char_p * 2)(b"one", b"two"),
        pointers=(ctypes.POINTER(Pair) * 2)(ctypes.pointer(pair)), c_object=ctypes.py_object(pair),
        shared_buffer=(ctypes.c_char * 5).from_buffer(data), library=ctypes.CDLL(None).strlen,
        structs=[struct.Struct("<iid10s"), struct.Struct("c")], iterator=struct.iter_unpack("<H",
        b"abcd"),
    )  # fmt: skip


def iterators():
    source = [[1], [2], [3], [4]]
    tee = itertools.tee(iter(source), 2)
    next(tee[0])
    next(tee[0])
    groups = itertools.groupby(source, len)
    group = next(groups)
    product = itertools.product(source, "ab", repeat=2)
    next(product)
    combinations = itertools.combinations(source, 2)
    next(combinations)
    permutations = itertools.permutations(source, 2)
    next(permutations)
    replacing = itertools.combinations_with_replacement(source, 2)
    next(replacing)
    cycle = itertools.cycle(source)
    next(cycle)
    chain = itertools.chain(source, [[5]])
    next(chain)
    numbers = enumerate(source)
    next(numbers)
    pairs = zip(source, "abcd")
    next(pairs)
    items = iter({"a": [1]}.items())
    large = enumerate(source, 1 << 70)
    next(large)
    keep(
        tee=tee, groups=groups, group=group, product=product, combinations=combinations,
        permutations=permutations, replacing=replacing, cycle=cycle, chain=chain,
        numbers_iterator=numbers,
        pairs=pairs, items=items, large=large, islice=itertools.islice(source, 1, 3),
        accumulate=itertools.accumulate(source), count=itertools.count([1].__len__(), 2),
        big_count=itertools.count(1 << 80), repeat=itertools.repeat(source, 5),
        starmap=itertools.starmap(outer, [source]), takewhile=itertools.takewhile(bool, source),
        filter=filter(bool, source), map=map(outer, source, [1]), reversed=reversed(source),
        zip_longest=itertools.zip_longest(source, [1], fillvalue=source),
        compress=itertools.compress(source, [1]), dropwhile=itertools.dropwhile(bool, source),
        filterfalse=itertools.filterfalse(bool, source), list_iterator=iter(source),
        more=[iter("text"), iter(b"x"), iter(range(5)), iter(range(1 << 70)), iter({1, 2}),
              iter((1, [2])), iter({}.keys()), iter(collections.deque([1])), iter(outer, 5),
              iter(array.array("i", [1])), re.finditer("a", "banana"), reversed({"a": 1}),
              iter(collections.OrderedDict(a=1))],
    )  # fmt: skip


def library():
    tree = xml.etree.ElementTree.fromstring(
        "<a x='1' y='2'>text<b>" + "<c/>" * 9 + "</b>tail<d e='f'/></a>"
    )
    builder = xml.etree.ElementTree.TreeBuilder()
    builder.start("open", {"a": "b"})
    builder.data("some text")
    parser = xml.etree.ElementTree.XMLPullParser(["start", "end"])
    parser.feed("<root><item>1</item><item")
    expat = xml.parsers.expat.ParserCreate()
    expat.StartElementHandler = outer
    expat.CharacterDataHandler = functools.partial(outer, [1])
    expat.Parse("<x><y>")
    pickler = pickle.Pickler(io.BytesIO())
    pickler.dump([Plain(1), {"a": [1]}, "text", ("tuple", [2])])
    unpickler = pickle.Unpickler(io.BytesIO(pickle.dumps([["memo"], {"a": ["b"]}])))
    unpickler.load()
    simple = queue.SimpleQueue()
    for number in range(20):
        simple.put([number])
    for _ in range(5):
        simple.get()
    full = queue.Queue()
    full.put([1])
    ordered = queue.PriorityQueue()
    ordered.put((1, [2]))
    random_numbers = random.Random(5)
    keep(
        tree=tree, tree_iterator=tree.iter(), childless=xml.etree.ElementTree.Element("x"),
        element_tree=xml.etree.ElementTree.ElementTree(tree), builder=builder, pull_parser=parser,
        expat=expat, pickler=pickler, unpickler=unpickler, simple=simple, full=full,
        priority=ordered,
        random=random_numbers, system_random=random.SystemRandom(), uuid=uuid.uuid4(),
        pattern=re.compile(r"(?P<name>\w+)-(\d+)"), match=re.match(r"(?P<a>b)(c)?", "bcd"),
        scanner=re.compile("a").scanner("banana"), hashes=[hashlib.sha256(b"x"), hashlib.md5(),
        hashlib.blake2b(b"y"), hashlib.sha3_256(b"z"), hmac.new(b"key", b"x", "sha1")],
        compressors=[zlib.compressobj(), zlib.decompressobj(), lzma.LZMACompressor(),
        lzma.LZMADecompressor()],
        json=[json.JSONEncoder(default=outer), json.JSONDecoder(object_hook=outer)],
        csv=[csv.reader(["a,b", "c,d"]), csv.writer(io.StringIO()), csv.DictReader(["a,b"])],
        tree_of_code=ast.parse("def f(x): return [x, 1, 'a', b'b', None]"),
        parser=argparse.ArgumentParser("program"), test=unittest.FunctionTestCase(outer),
        logger=logging.getLogger("of.the.target"), record=logging.makeLogRecord({"args": [1]}),
        message=email.message.EmailMessage(), path=pathlib.Path("/a/b") / "c",
        heap=heapq.nsmallest(3, [5, 1, 2]), base=base64.b64encode(b"x"),
        bisect=bisect.bisect([1], 1),
        context_manager=contextlib.suppress(KeyError), copied_tree=copy.deepcopy(tree),
        connection=http.client.HTTPConnection("localhost"),
        struct_sequences=[time.localtime(), os.stat("/"), sys.version_info, os.times(), sys.flags],
        future=concurrent.futures.Future(), executor=concurrent.futures.ThreadPoolExecutor(1),
    )  # fmt: skip


def dates():
    zone = datetime.timezone(datetime.timedelta(hours=2), "zone")
    keep(
        dates=[datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2), datetime.time(1, 2),
               datetime.timedelta(days=5), zone, datetime.datetime(2020, 1, 2, tzinfo=zone),
               datetime.time(1, 2, tzinfo=zone), datetime.timezone.utc],
    )  # fmt: skip
    if sys.version_info >= (3, 9):
        import zoneinfo

        with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError):
            berlin = zoneinfo.ZoneInfo("Europe/Berlin")
            keep(zone=berlin, zoned=datetime.datetime(2021, 7, 1, tzinfo=berlin))


class Aggregate:
    def step(self, value):
        pass

    def finalize(self):
        return 0


def database():
    connection = sqlite3.connect(":memory:")
    connection.create_function("f", 1, functools.partial(outer, 1))
    connection.create_collation("c", outer)
    connection.create_aggregate("a", 1, Aggregate)
    connection.set_authorizer(lambda *arguments: sqlite3.SQLITE_OK)
    connection.set_trace_callback(functools.partial(outer, 2).__call__)
    connection.set_progress_handler(functools.partial(outer, 3), 10**9)
    connection.set_trace_callback(None)
    connection.row_factory = sqlite3.Row
    connection.execute("create table t (a, b)")
    connection.executemany("insert into t values (?, ?)", [(1, "one"), (2, "two")])
    cursor = connection.execute("select * from t where a < ?", (5,))
    keep(database=connection, cursor=cursor, row=cursor.fetchone())


def files():
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, "file")
    with open(path, "w") as file:
        file.write("text\nmore\n" * 1000)
    reading = open(path, encoding="utf-8")  # noqa: SIM115
    reading.readline()
    iterating = open(path)  # noqa: SIM115
    next(iterating)
    writing = open(path + "2", "w")  # noqa: SIM115
    writing.write("pending")
    binary = open(path, "rb")  # noqa: SIM115
    binary.read(3)
    text = io.StringIO("initial")
    text.write("x")
    accumulating = io.StringIO()
    accumulating.write("abc")
    bytes_io = io.BytesIO(b"some bytes")
    written = io.BytesIO()
    written.write(b"written bytes")
    exported = io.BytesIO(b"exported")
    with zipfile.ZipFile(path + ".zip", "w") as archive:
        archive.writestr("name", "content")
    keep(
        folder=folder, reading=reading, iterating=iterating, writing=writing, binary=binary,
        text=text,
        accumulating=accumulating, bytes_io=bytes_io, written=written, exported=exported,
        exported_view=exported.getbuffer(), raw=io.FileIO(path), both_ways=open(path, "r+b"),
         # noqa: SIM115
        pair_of_buffers=io.BufferedRWPair(io.BytesIO(), io.BytesIO()), archive=archive,
        scan=os.scandir(folder.name),
    )  # fmt: skip


def network():
    left, right = socket.socketpair()
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secure = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        secure.do_handshake()
    poll, epoll = select.poll(), select.epoll()
    poll.register(left)
    epoll.register(right)
    keep(left=left, right=right, context=context, secure=secure, bios=[incoming, outgoing],
    poll=poll,
         epoll=epoll, socket_file=left.makefile("rwb"))  # fmt: skip


variable = contextvars.ContextVar("variable", default=[1])


def contexts():
    context = contextvars.copy_context()
    token = context.run(variable.set, ["set in a context"])
    many = contextvars.copy_context()
    variables = [contextvars.ContextVar("variable %d" % number) for number in range(40)]
    for number, each in enumerate(variables):
        many.run(each.set, [number])
    keep(contexts=[context, many], token=token, variables=variables,
         context_iterators=[iter(many), iter(many.items()), iter(many.values())])  # fmt: skip


async def sleeper(event):
    local = ["in a task"]
    await event.wait()
    return local


async def main_task(ready, done):
    event = asyncio.Event()
    tasks = [asyncio.ensure_future(sleeper(event)) for _ in range(5)]
    gathered = asyncio.gather(*tasks)
    gathered.add_done_callback(outer)
    futures = asyncio.Queue()
    await futures.put([1])
    handle = asyncio.get_running_loop().call_later(10**6, outer, [1])
    keep(tasks=tasks, gathered=gathered, async_queue=futures, handle=handle)
    failed = asyncio.get_running_loop().create_future()
    failed.set_exception(MyException("in a future"))
    failed.exception()
    finished = asyncio.ensure_future(sleeper(event))
    keep(failed=failed, finished_task=finished, lock=asyncio.Lock())
    await asyncio.sleep(0)
    await asyncio.get_running_loop().run_in_executor(None, in_executor, ready, done)
    event.set()


def in_executor(ready, done):
    ready.set()
    done.wait()


def thread_body(ready, done, depth):
    local = ["in a thread", depth]
    if depth:
        return thread_body(ready, done, depth - 1)
    try:
        raise MyException("being handled")
    except MyException as error:
        handled = error
        ready.set()
        done.wait()
    return local, handled


def threads(done):
    storage = threading.local()
    storage.value = ["of the main thread"]
    ready = [threading.Event() for _ in range(3)]
    started = [
        threading.Thread(target=thread_body, args=(each, done, number), daemon=True)
        for number, each in enumerate(ready)
    ]
    loop_ready = threading.Event()
    started.append(
        threading.Thread(target=lambda: asyncio.run(main_task(loop_ready, done)), daemon=True)
    )
    for thread in started:
        thread.start()
    for each in [*ready, loop_ready]:
        each.wait()
    time.sleep(0.1)  # from there to where each waits it is a moment
    keep(threads=started, storage=storage, locks=[threading.Lock(), threading.RLock(),
         threading.Condition(), threading.Semaphore(3), threading.Barrier(2)])  # fmt: skip


def refcounts():
    """Of objects that nobody but this program holds: that of None changes all the time."""
    chosen = [Plain, outer, held, held["plain"][0], 12345.5, 1 << 90, b"bytes %d" % 3,
              sys.modules["json"], held["strings"][3]]  # fmt: skip
    chosen += [thing for thing in held.values() if type(thing) is not int]
    keep(chosen=chosen)
    return {
        id(chosen[index]): self_knowledge.reference_count(chosen, index)
        for index in range(len(chosen))
    }


def main():
    done = threading.Event()
    for build in (instances, subclasses, containers, scalars, legacy_strings, functions, generators,
                  exceptions, references, buffers, iterators, library, dates, database, files,
                  network, contexts):  # fmt: skip
        build()
    threads(done)
    gc.collect()
    gc.disable()
    self_knowledge.write(
        os.devnull
    )  # what the first time leaves in caches is there the second time
    self_knowledge.write(sys.argv[1])
    sys.stdout.write(json.dumps({"refcounts": refcounts()}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


main()
