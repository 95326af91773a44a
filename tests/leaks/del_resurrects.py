"""__del__ puts the object back into a pool that nobody takes from."""
# holder: __main__.Pool.returned
# of: __main__.Buffer

import shop


class Pool:
    returned = []


class Buffer:
    def __init__(self, request):
        self.data = bytearray(request.body * 3)

    def __del__(self):
        Pool.returned.append(self)


def main():
    for request in shop.requests(4000):
        Buffer(request)
    shop.wait()


main()
