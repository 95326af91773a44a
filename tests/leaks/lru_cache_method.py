"""lru_cache on a method keeps every instance that was ever asked."""
# holder: __main__.Report.rendered
# of: __main__.Report

import functools

import shop


class Report:
    def __init__(self, request):
        self.request = request
        self.lines = [f"{request.user}: {i}" for i in range(5)]

    @functools.lru_cache(maxsize=None)  # noqa: B019
    def rendered(self, width):
        return "\n".join(line.ljust(width) for line in self.lines)


def main():
    for request in shop.requests(2000):
        Report(request).rendered(40)
    shop.wait()


main()
