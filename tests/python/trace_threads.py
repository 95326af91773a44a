"""Threads that make, share, drop and collect at once."""

import gc
import threading

ROUNDS = 300
shared = {}
latest = None


class Node:
    def __init__(self, number):
        self.number = number
        self.next = None
        self.others = []


def work(who):
    global latest
    for number in range(ROUNDS):
        node = Node(number)
        node.next = latest
        latest = node
        shared[who, number % 7] = node
        ring = Node(-number)
        ring.next = ring
        node.others.append(ring)
        made = type("Made", (Node,), {})(number)
        globals()[f"name_{who}_{number % 5}"] = made
        for other in list(shared.values()):
            other.others = []
        if number % 50 == 0:
            gc.collect()
        earlier = node.next
        if earlier is not None:
            earlier.next = None


threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(shared) == [(who, k) for who in range(4) for k in range(7)])
