"""The last error is raised from the one before it, again and again."""
# holder: __main__.Retry.last __cause__
# of: __main__.Failed

import shop


class Failed(Exception):
    def __init__(self, request):
        super().__init__(request.path)
        self.headers = request.headers


class Retry:
    last = None


def attempt(request):
    try:
        raise Failed(request) from Retry.last
    except Failed as error:
        Retry.last = error.with_traceback(None)


def main():
    for request in shop.requests(3000):
        attempt(request)
    shop.wait()


main()
