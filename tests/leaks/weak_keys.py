"""The values of a WeakKeyDictionary refer to its keys, which therefore never go."""
# holder: __main__.EXTRA
# of: __main__.Extra

import weakref

import shop

EXTRA = weakref.WeakKeyDictionary()


class Extra:
    def __init__(self, request):
        self.of = request
        self.seen = [request.path]


def main():
    for request in shop.requests(2000):
        EXTRA[request] = Extra(request)
    del request
    shop.wait()


main()
