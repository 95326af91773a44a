"""Cycles of objects with __del__, in a program that disabled the collector for speed."""
# holder: garbage
# of: __main__.Connection

import gc

import shop

gc.disable()


class Channel:
    def __init__(self, connection):
        self.connection = connection


class Connection:
    def __init__(self, request):
        self.request = request
        self.channel = Channel(self)

    def __del__(self):
        self.request = None


def main():
    for request in shop.requests(2000):
        Connection(request)
    del request
    shop.wait()


main()
