"""Each thread's history is its own, and the threads of a pool never end."""
# holder: __main__.STATE history
# of: shop.Request

import threading

import shop

STATE = threading.local()
closing = threading.Event()


def work(ready, offset):
    STATE.history = []
    for request in shop.requests(900):
        STATE.history.append(request)
    del request
    ready.release()
    closing.wait()


def main():
    ready = threading.Semaphore(0)
    for number in range(3):
        threading.Thread(target=work, args=(ready, number), daemon=True).start()
    for _ in range(3):
        ready.acquire()
    shop.wait()


main()
