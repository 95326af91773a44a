"""A second interpreter in the process, with objects of its own."""

import sys

try:
    import _interpreters as interpreters
except ImportError:
    try:
        import _xxsubinterpreters as interpreters
    except ImportError:
        print("skip this Python has no subinterpreters module", flush=True)
        sys.exit()

CODE = """
import collections, json
class Inner:
    def __init__(self, number):
        self.number = number
        self.items = [number, str(number)]
made = [Inner(number) for number in range(1000)]
"""
other = interpreters.create()
interpreters.run_string(other, CODE)
print("ready", flush=True)
sys.stdin.read()
