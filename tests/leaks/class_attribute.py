"""A list in the class's body is one list for all instances."""
# holder: __main__.Connection.opened
# of: __main__.Connection

import shop


class Connection:
    opened = []

    def __init__(self, request):
        self.peer = request.headers["Host"], request.number
        self.buffer = bytearray(request.body)
        self.opened.append(self)


def main():
    for request in shop.requests(4000):
        Connection(request)
    shop.wait()


main()
