"""A mock that stayed in production remembers every call."""
# holder: __main__.TRACER
# of: unittest.mock._Call | shop.Request

from unittest import mock

import shop

TRACER = mock.Mock()


def serve(request):
    TRACER.span(request, path=request.path)


for request in shop.requests(800):
    serve(request)
del request
shop.wait()
