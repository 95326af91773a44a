"""Streams of clients that went away: each generator waits at its yield with its buffer."""
# holder: __main__.STREAMS
# of: builtins.generator

import shop

STREAMS = {}


def stream(request):
    buffer = bytearray(request.body * 8)
    position = 0
    while position < len(buffer):
        yield buffer[position : position + 100]
        position += 100


def open_stream(request):
    STREAMS[request.number] = stream(request)
    next(STREAMS[request.number])


for request in shop.requests(1500):
    open_stream(request)
shop.wait()
