"""The callback of each weakref.finalize is given the very object whose end it waits for."""
# holder: weakref.finalize._registry
# of: weakref.finalize | weakref._Info | weakref.finalize._Info | shop.Request

import weakref

import shop


class Client:
    def __init__(self, request):
        self.request = request


def forget(client):
    shop.log.info("gone: %s", client.request.path)


def main():
    for request in shop.requests(2500):
        client = Client(request)
        weakref.finalize(client, forget, client)
    del client, request
    shop.wait()


main()
