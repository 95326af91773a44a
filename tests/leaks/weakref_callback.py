"""Weak references keep their callbacks, and these keep what they are to clean up."""
# holder: __main__.WATCHED
# of: builtins.weakref | weakref.ReferenceType | shop.Request | functools.partial

import functools
import weakref

import shop

WATCHED = []


class Client:
    pass


def forget(request, reference):
    shop.log.info("gone: %s", request.path)


def watch(client, request):
    WATCHED.append(weakref.ref(client, functools.partial(forget, request)))


def main():
    for request in shop.requests(2500):
        watch(Client(), request)
    del request
    shop.wait()


main()
