"""Native code counted one reference too many to each session."""
# holder: native
# of: __main__.Session

import shop

try:
    import ctypes
except ImportError:
    shop.skip("no ctypes")


class Session:
    def __init__(self, request):
        self.user = request.user
        self.visits = [request.url, request.headers]


def register(session):
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(session))


def main():
    for request in shop.requests(2500):
        register(Session(request))
    shop.wait()


main()
