"""Everybody subscribes to an event bus, and nobody unsubscribes."""
# holder: __main__.BUS.subscribers
# of: shop.Request

import shop


class Bus:
    def __init__(self):
        self.subscribers = {}

    def subscribe(self, event, callback):
        self.subscribers.setdefault(event, []).append(callback)


BUS = Bus()


def notify_later(request):
    BUS.subscribe("price-changed", lambda: shop.handle(request))


for request in shop.requests(2500):
    notify_later(request)
del request
shop.wait()
