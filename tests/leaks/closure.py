"""A decorator remembers all calls in a variable of its closure."""
# holder: __main__.price seen
# of: builtins.tuple

import functools

import shop


def once(function):
    seen = {}

    @functools.wraps(function)
    def inner(*arguments):
        if arguments not in seen:
            seen[arguments] = function(*arguments)
        return seen[arguments]

    return inner


@once
def price(number, user, day):
    return f"{number * 3} for {user} on {day}"


def main():
    for request in shop.requests(6000):
        price(request.number, request.user, request.path)
    shop.wait()


main()
