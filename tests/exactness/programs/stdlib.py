"""The larger modules of the standard library, imported and used a little."""

import importlib
import io
import sys
import threading

MODULES = """
abc argparse array ast asyncio base64 bdb binascii bisect bz2 calendar cgitb cmath cmd code codecs
collections collections.abc colorsys compileall concurrent.futures configparser contextlib
contextvars copy csv ctypes curses dataclasses datetime dbm decimal difflib dis doctest
email.message email.mime.multipart email.parser encodings.idna enum faulthandler fileinput fnmatch
fractions ftplib functools gettext glob graphlib gzip hashlib heapq hmac html.parser http.client
http.cookiejar http.server imaplib importlib.metadata importlib.resources inspect ipaddress
itertools json locale logging logging.config logging.handlers lzma mailbox marshal math mimetypes
mmap modulefinder multiprocessing multiprocessing.managers multiprocessing.pool netrc numbers
opcode operator optparse pathlib pdb pickle pickletools pkgutil platform plistlib poplib pprint
profile pstats pty py_compile pyclbr pydoc queue quopri random re readline reprlib resource runpy
sched secrets select selectors shelve shlex shutil signal smtplib socket socketserver sqlite3 ssl
stat statistics string stringprep struct subprocess symtable sysconfig tabnanny tarfile telnetlib
tempfile termios textwrap threading timeit tokenize trace traceback tracemalloc tty types typing
unicodedata unittest unittest.mock urllib.request urllib.robotparser uu uuid venv wave weakref
webbrowser wsgiref.simple_server xml.dom.minidom xml.etree.ElementTree xml.sax xmlrpc.client
xmlrpc.server zipapp zipfile zlib zoneinfo tomllib
""".split()

loaded = {}
for name in MODULES:
    try:
        loaded[name] = importlib.import_module(name)
    except ImportError:
        pass  # not in this version, or not in this build


def use_data() -> dict:
    """Containers, numbers, dates."""
    import collections
    import dataclasses
    import datetime
    import decimal
    import enum
    import fractions
    import functools
    import heapq
    import itertools
    import struct
    import typing
    import uuid

    class Color(enum.Enum):
        RED = 1
        BLUE = 2

    @dataclasses.dataclass
    class Point:
        x: float
        y: float = 0.0
        tags: typing.List[str] = dataclasses.field(default_factory=list)

    @functools.lru_cache(maxsize=2000)
    def square(n: int) -> int:
        return n * n

    @functools.singledispatch
    def kind(value: object) -> str:
        return "object"

    kind.register(int, lambda value: "int")
    pair = collections.namedtuple("pair", "left right")
    numbers = [square(n + 1000) for n in range(1500)]
    left, right = itertools.tee(iter([str(n) * 3 for n in range(200)]))
    ahead = [next(left) for _ in range(120)]
    heap = [(n * 7919 % 1009, f"job {n}") for n in range(300)]
    heapq.heapify(heap)
    ordered = collections.OrderedDict((f"key {n}", n * 1000) for n in range(300))
    for n in range(0, 300, 7):
        ordered.move_to_end(f"key {n}")
    counter = collections.Counter("the quick brown fox jumps over the lazy dog" * 3)
    grouped = collections.defaultdict(list)
    for n in range(500):
        grouped[n % 17].append(pair(n, f"right {n}"))
    return {
        "color": Color.RED, "point": [Point(n / 3, tags=[f"tag {n}"]) for n in range(100)],
        "numbers": numbers, "square": square, "kind": kind(3), "left": left, "right": right,
        "ahead": ahead, "heap": heap, "ordered": ordered, "counter": counter, "grouped": grouped,
        "chain": collections.ChainMap(ordered, counter), "deque": collections.deque(heap, 200),
        "dates": [datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
                  + datetime.timedelta(n) for n in range(100)],
        "decimals": [decimal.Decimal(n) / 7 for n in range(1, 100)],
        "fractions": [fractions.Fraction(n, 1009) for n in range(100)],
        "uuid": uuid.uuid4(), "packed": struct.Struct("<iq4s"),
        "cycle": itertools.cycle(heap), "islice": itertools.islice(itertools.count(10**9), 5),
        "groupby": itertools.groupby(heap, key=lambda job: job[0] % 10),
        "partial": functools.partial(sorted, heap, key=lambda job: job[1]),
        "annotated": typing.Dict[str, typing.Optional[int]],
    }  # fmt: skip


def use_text() -> dict:
    """Text, documents, formats."""
    import ast
    import configparser
    import csv
    import email.message
    import json
    import pickle
    import re
    import string
    import tokenize
    import xml.dom.minidom
    import xml.etree.ElementTree

    root = xml.etree.ElementTree.Element("root")
    for n in range(200):
        child = xml.etree.ElementTree.SubElement(root, "child", number=str(n))
        child.text = f"text {n}"
    source = "def f(a, b=3):\n    return [x for x in range(a) if x > b]\n" * 20
    settings = configparser.ConfigParser()
    settings.read_string("[one]\na = 1\n[two]\nb = ${one:a}\n")
    message = email.message.EmailMessage()
    message["Subject"] = "a subject"
    message.set_content("some words\n" * 20)
    parser = xml.etree.ElementTree.XMLPullParser()
    parser.feed("<root><a>one</a>")
    pattern = re.compile(r"(?P<word>[a-z]+) (\d+)")
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer)
    pickler.dump([f"pickled {n}" for n in range(100)])
    return {
        "root": root, "dom": xml.dom.minidom.parseString("<a><b c='d'>e</b></a>"),
        "tree": ast.parse(source), "code": compile(source, "source", "exec"),
        "tokens": list(tokenize.generate_tokens(io.StringIO(source).readline)),
        "rows": list(csv.reader(io.StringIO("a,b,c\n1,2,3\n" * 50))),
        "writer": csv.DictWriter(io.StringIO(), ["a", "b"]), "settings": settings,
        "message": message, "parser": parser, "pickler": pickler,
        "matches": list(pattern.finditer("one 1 two 2 three 3" * 10)),
        "scanner": pattern.scanner("one 1 two 2"), "template": string.Template("$a and $b"),
        "document": json.loads(json.dumps({f"key {n}": [n, str(n), None] for n in range(200)})),
        "decoder": json.JSONDecoder(), "encoder": json.JSONEncoder(indent=1),
        "buffers": [io.TextIOWrapper(io.BytesIO(b"line\n" * 10)), io.StringIO("text")],
    }  # fmt: skip


def use_system() -> dict:
    """Databases, sockets, foreign functions, threads' locals, contexts, errors."""
    import concurrent.futures
    import contextvars
    import ctypes
    import hashlib
    import logging
    import mmap
    import queue
    import socket
    import sqlite3
    import ssl
    import traceback
    import unittest.mock
    import weakref
    import zlib

    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.create_function("twice", 1, lambda value: value * 2)
    database.execute("create table t (a integer, b text)")
    database.executemany("insert into t values (?, ?)", [(n, f"row {n}") for n in range(200)])
    cursor = database.execute("select a, twice(b) from t")

    class Pair(ctypes.Structure):
        _fields_ = [("left", ctypes.c_int), ("right", ctypes.py_object)]

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda number: number + 1)
    pair = Pair(3, "held by a structure of ctypes")
    variable = contextvars.ContextVar("variable", default="a default")
    contexts = []
    for n in range(50):
        context = contextvars.copy_context()
        context.run(variable.set, f"value {n}")
        contexts.append(context)
    errors = []
    for n in range(20):
        try:
            try:
                {}[f"missing {n}"]
            except KeyError as error:
                raise ValueError(f"error {n}") from error
        except ValueError as error:
            errors.append((error, traceback.TracebackException.from_exception(error)))
    local = threading.local()
    local.value = ["of the main thread"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(str, range(1000, 1100)))
    jobs = queue.SimpleQueue()
    for n in range(100):
        jobs.put(f"job {n}")
    logger = logging.getLogger("exactness")
    logger.addHandler(logging.StreamHandler(io.StringIO()))
    logger.warning("a record")
    mocked = unittest.mock.MagicMock()
    mocked.method(1, key="value")
    left, right = socket.socketpair()
    return {
        "database": database, "cursor": cursor, "row": cursor.fetchone(), "pair": pair,
        "callback": callback, "pointer": ctypes.pointer(ctypes.c_int(7)),
        "array": (ctypes.py_object * 3)("one", "two", "three"), "contexts": contexts,
        "errors": errors, "local": local, "results": results, "jobs": jobs, "logger": logger,
        "mocked": mocked, "sockets": (left, right), "ssl": ssl.create_default_context(),
        "digest": hashlib.sha256(b"x"), "map": mmap.mmap(-1, 4096), "views":
        [memoryview(bytearray(100))[n:] for n in range(20)], "weak":
        weakref.WeakValueDictionary(dict.fromkeys(range(3), logger)),
        "compressor": zlib.compressobj(),
    }  # fmt: skip


kept = {"data": use_data(), "text": use_text(), "system": use_system()}
print("ready", flush=True)
sys.stdin.readline()
