"""A second interpreter with a lock and an allocator of its own, in which a thread waits.

Prints {"main": address, "inner": address}: of an object that only that interpreter holds.
"""

import json
import os
import sys
import threading

try:
    import _interpreters as interpreters

    def create():
        return interpreters.create("isolated")
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        print("skip this Python has no subinterpreters module", flush=True)
        sys.exit()
    if sys.version_info < (3, 12):
        print("skip interpreters share one lock", flush=True)
        sys.exit()

    def create():
        return interpreters.create(isolated=True)


CODE = """
import os
class Inner:
    def __init__(self, number):
        self.number = number
        self.items = [number, str(number), {"key": number}]
made = [Inner(number) for number in range(1000)]
os.write(%d, b"%%d" %% id(made[500]))
os.read(%d, 1)
"""


class Outer:
    pass


outer = Outer()
told, telling = os.pipe()
waiting, _end = os.pipe()
other = create()
thread = threading.Thread(
    target=interpreters.run_string, args=(other, CODE % (telling, waiting)), daemon=True
)
thread.start()
inner = int(os.read(told, 100))
print(json.dumps({"main": id(outer), "inner": inner}), flush=True)
sys.stdin.read()
os._exit(0)
