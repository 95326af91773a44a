"""Objects made where words were left behind that point into buffers of a megabyte which live on.

The words are in every byte that CPython does not write: behind the characters of a short str, in
fields that a build leaves as they are, in the empty state of a module, in a buffer.
"""

import importlib
import json
import sys
from array import array

buffers = [array("b", bytes(1 << 20)) for _ in range(4)]
looked_into = [(memoryview(seen), seen) for seen in [bytearray(1 << 20) for _ in range(6)]]
word = (buffers[0].buffer_info()[0] + (1 << 19)).to_bytes(8, "little")
EMPTY = ["_bisect", "_heapq", "_opcode", "_stat", "_statistics", "_random", "audioop", "gc"]
for name in EMPTY:
    sys.modules.pop(name, None)
sources = ["def f%d(a): return %s" % (n, "a + " * (n % 40) + "1") for n in range(400)]
functions, texts = {}, []


def leave_words():
    bytearrays = [bytearray((word * 40)[: 15 + n % 10 * 16]) for n in range(4000)]
    everything = [word * (n % 60 + 1) for n in range(60 * 200)]
    del bytearrays, everything


leave_words()
for n, source in enumerate(sources):
    exec(source, functions)
    texts.append("\xe4%d" % n)
    texts.append("\u20ac%d" % (n % 10))
    texts.append("t%d" % n)
# A block that a variable of the C library points to, and buffers that nobody has filled.
files = []
try:
    import ctypes

    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    block = libc.malloc(1 << 20)
    buffered = (ctypes.c_void_p.in_dll(libc, "stdin"), ctypes.c_void_p(block), 0, 1 << 20)
    assert libc.setvbuf(*buffered) == 0
    del buffered
    words = [(block + offset).to_bytes(8, "little") * 1019 for offset in (0, 1 << 19) * 40]
    del words
    files += [open("/dev/null", "wb") for _ in range(40)]
except ImportError:  # a build without libffi
    pass
modules = []
for name in EMPTY:
    leave_words()
    try:
        modules.append(importlib.import_module(name))
    except ImportError:  # not in all versions
        pass
print(json.dumps({}), flush=True)
sys.stdin.read()
