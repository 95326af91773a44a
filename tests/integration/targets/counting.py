"""Four threads that allocate all the time, while the main one counts in shared memory.

python counting.py FILE      FILE holds the count, 8 bytes
"""

import mmap
import struct
import sys
import threading


class Node:
    def __init__(self, number):
        self.number = number
        self.parts = [str(number), {"number": number}]


def allocate():
    kept = []
    while True:
        kept.append(Node(len(kept)))
        if len(kept) > 5000:
            kept.clear()


with open(sys.argv[1], "r+b") as file:
    memory = mmap.mmap(file.fileno(), 8)
sys.setswitchinterval(0.0005)
for _ in range(4):
    threading.Thread(target=allocate, daemon=True).start()
print("ready", flush=True)
count = 0
while True:
    count += 1
    struct.pack_into("<Q", memory, 0, count)
