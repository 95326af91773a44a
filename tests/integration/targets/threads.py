"""Twenty threads that wait deep in Python code, each with locals of its own."""

import sys
import threading


class Work:
    def __init__(self, number):
        self.number = number
        self.parts = [str(number), {"number": number}]


def wait_here(work, depth, ready, done):
    local = [work, depth]
    if depth:
        wait_here(work, depth - 1, ready, done)
    else:
        ready.release()
        done.wait()
    return local


def main():
    done = threading.Event()
    ready = threading.Semaphore(0)
    for number in range(20):
        arguments = (Work(number), number, ready, done)
        threading.Thread(target=wait_here, args=arguments, daemon=True).start()
    for _ in range(20):
        ready.acquire()
    print("ready", flush=True)
    sys.stdin.read()


main()
