"""Each temporary file is registered to be removed at exit."""
# holder: atexit
# of: __main__.TemporaryFile

import atexit

import shop


class TemporaryFile:
    def __init__(self, request):
        self.name = "/tmp" + request.path
        self.head = bytearray(request.body * 3)
        atexit.register(self.remove)

    def remove(self):
        self.head = None


def main():
    for request in shop.requests(3000):
        TemporaryFile(request)
    shop.wait()


main()
