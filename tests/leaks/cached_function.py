"""A cache without a limit on a function whose arguments never come again."""
# holder: __main__.breadcrumbs
# of: builtins.str | builtins.tuple

import functools

import shop


@functools.lru_cache(maxsize=None)
def breadcrumbs(url, number):
    return tuple(f"{part} {number}" for part in url.split("/"))


def main():
    for request in shop.requests(5000):
        breadcrumbs(request.url, request.number)
    shop.wait()


main()
