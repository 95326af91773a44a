"""Sixteen bytes of each packet are kept, and with them the packet."""
# holder: __main__.HEADERS
# of: builtins.memoryview

import shop

HEADERS = []


def receive(request):
    packet = bytearray(request.body * 20)
    HEADERS.append(memoryview(packet)[:16])


for request in shop.requests(700):
    receive(request)
shop.wait()
