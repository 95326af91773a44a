"""A trail in a context variable: the list is one, and every request adds to it."""
# holder: trail
# of: shop.Request

import contextvars

import shop

TRAIL = contextvars.ContextVar("trail")
TRAIL.set([])


def serve(request):
    TRAIL.get().append(request)


def main():
    for request in shop.requests(2500):
        contextvars.copy_context().run(serve, request)
    del request
    shop.wait()


main()
