"""A handler is added to the logger for each request, and stays there."""
# holder: log.handlers
# of: __main__.RequestHandler

import logging

import shop

log = logging.getLogger("shop.orders")


class RequestHandler(logging.Handler):
    def __init__(self, request):
        super().__init__()
        self.request = request
        self.records = []

    def emit(self, record):
        self.records.append(record.getMessage())


def process(request):
    log.addHandler(RequestHandler(request))
    log.setLevel(logging.ERROR)
    log.info("processed %s", request.path)


for request in shop.requests(1500):
    process(request)
del request
shop.wait()
