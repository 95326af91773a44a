"""Garbage in two interpreters: each has a collector of its own, but for 3.8.

After a line both collect, and is printed for each how many it found and what was saved.
"""

import json
import os
import sys

try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        print("skip this Python has no subinterpreters module", flush=True)
        sys.exit()

MAKE = """
class Inner:
    pass
def make():
    for number in range(100):
        inner = Inner()
        inner.me = [inner, {number: inner}]
    box = []
    box.append((box,))
make()
"""
COLLECT = """
import gc, os
gc.set_debug(gc.DEBUG_SAVEALL)
found = gc.collect()
gc.set_debug(0)
os.write(%d, ",".join([str(found), *(str(id(each)) for each in gc.garbage)]).encode())
"""


def run(code):
    failure = interpreters.run_string(other, code)
    assert failure is None, failure


other = interpreters.create()
for prepare in (exec, run):
    prepare("import gc; gc.collect(); gc.disable()")
run(MAKE)
exec(MAKE)
print("ready", flush=True)
sys.stdin.readline()
reading, writing = os.pipe()
saved = []
for collect in (exec, run):
    collect(COLLECT % writing)
    saved.append([int(each) for each in os.read(reading, 1 << 20).split(b",")])
print(json.dumps(saved), flush=True)
sys.stdin.readline()
os._exit(0)
