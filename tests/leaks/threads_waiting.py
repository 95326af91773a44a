"""A thread for each client waits for a reply that never comes, with all that it has read."""
# holder: talk received
# of: builtins.list | shop.Request

import threading

import shop

reply = threading.Event()


def talk(ready, number):
    received = [shop.Request(number * 1000 + i) for i in range(80)]
    ready.release()
    reply.wait()
    return received


def main():
    ready = threading.Semaphore(0)
    threading.stack_size(256 * 1024)
    for number in range(30):
        threading.Thread(target=talk, args=(ready, number), daemon=True).start()
    for _ in range(30):
        ready.acquire()
    shop.wait()


main()
