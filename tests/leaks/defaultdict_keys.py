"""Looking into a defaultdict makes an entry, one for each request."""
# holder: __main__.Limits.hits
# of: builtins.list

import collections

import shop


class Limits:
    hits = collections.defaultdict(list)

    @classmethod
    def allowed(cls, request):
        return len(cls.hits[request.headers["X-Request-Id"]]) < 5


def main():
    for request in shop.requests(10_000):
        assert Limits.allowed(request)
    shop.wait()


main()
