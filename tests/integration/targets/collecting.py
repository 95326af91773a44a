"""Stands still in the middle of a collection: a finalizer waits for a line."""

import gc
import sys


class Waits:
    def __init__(self):
        self.me = self

    def __del__(self):
        print("ready", flush=True)
        sys.stdin.readline()


gc.disable()
Waits()
gc.collect()
