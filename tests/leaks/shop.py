"""What every program here does beside its leak: requests, a bounded cache, a catalogue, a log.

All of it is right: it stays as large as it is, however many requests come.
"""

import collections
import decimal
import email.message
import http.client
import json
import logging
import random
import sys
import threading
from urllib.parse import parse_qs, urlsplit

log = logging.getLogger("shop")


class Product:
    def __init__(self, number):
        self.number = number
        self.name = f"product {number}"
        self.price = decimal.Decimal(number) / 7
        self.tags = [f"tag{number % 13}", f"tag{number % 17}"]


class Cache:
    """The last pages, and no more of them than `limit`."""

    def __init__(self, limit):
        self.limit = limit
        self.lock = threading.Lock()
        self.pages = collections.OrderedDict()

    def page(self, path):
        with self.lock:  # some programs have threads
            if path not in self.pages:
                self.pages[path] = f"<html>{path}</html>".ljust(900)
            self.pages.move_to_end(path)
            if len(self.pages) > self.limit:
                self.pages.popitem(last=False)
            return self.pages[path]


class Request:
    """What a client sent: 1.3 KB with all that it refers to."""

    def __init__(self, number):
        self.number = number
        self.user = f"user{number % 97}"
        self.url = f"/orders/{number}?page={number % 9}&sort=price"
        self.path = self.url.partition("?")[0]
        self.headers = {
            "Host": "shop.example",
            "X-Request-Id": f"{number:032x}",
            "Cookie": f"session={number:064x}",
        }
        self.body = (
            random.randbytes(200) if hasattr(random, "randbytes") else bytes([number % 256]) * 200
        )


CATALOGUE = {number: Product(number) for number in range(600)}
PAGES = Cache(200)
BUFFERS = [bytearray(16384) for _ in range(6)]
RECENT = collections.deque(maxlen=100)


def handle(request):
    """Traffic: nearly all of it is gone when it returns."""
    query = parse_qs(urlsplit(request.url).query)
    message = email.message.Message()
    message["Subject"] = query["sort"][0]
    product = CATALOGUE[request.number % len(CATALOGUE)]
    answer = json.dumps({"name": product.name, "price": str(product.price), "page": query["page"]})
    PAGES.page(request.path)
    RECENT.append(request.path)
    log.debug("%s: %s, %s", http.client.responses[200], request.path, message)
    return json.loads(answer)


def requests(count):
    for number in range(count):
        request = Request(number)
        handle(request)
        yield request


def wait():
    """Says that the program is as it is to be looked at."""
    print("ready", flush=True)
    sys.stdin.readline()


def skip(reason):
    print(f"skip {reason}", flush=True)
    sys.exit()
