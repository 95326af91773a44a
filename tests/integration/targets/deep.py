"""A recursion 5,000 calls deep."""

import sys
import threading


def descend(depth, above):
    local = [depth, above]
    if depth == 0:
        print("ready", flush=True)
        sys.stdin.read()
    else:
        descend(depth - 1, local)
    return local


sys.setrecursionlimit(10_000)
threading.stack_size(64 << 20)
thread = threading.Thread(target=descend, args=(5_000, None), daemon=True)
thread.start()
thread.join()
