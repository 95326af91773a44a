"""Native memory has references that are never given up: an array of a library's."""
# holder: native
# of: __main__.Job

import shop

try:
    import ctypes
except ImportError:
    shop.skip("no ctypes")

COUNT = 2500
libc = ctypes.CDLL(None)
libc.calloc.restype = ctypes.c_void_p
libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]


class Job:
    def __init__(self, request):
        self.request = request


def main():
    block = libc.calloc(COUNT, 8)
    for request in shop.requests(COUNT):
        job = Job(request)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(job))
        ctypes.c_size_t.from_address(block + 8 * request.number).value = id(job)
    del job, request
    shop.wait()


main()
