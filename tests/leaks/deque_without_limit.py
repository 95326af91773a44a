"""Measurements are appended on the right, and nobody takes them from the left."""
# holder: __main__.METRICS.samples
# of: __main__.Sample

import collections

import shop


class Sample:
    __slots__ = ("at", "path", "labels")

    def __init__(self, request):
        self.at = request.number / 7
        self.path = request.path
        self.labels = {"user": request.user, "status": "200"}


class Metrics:
    def __init__(self):
        self.samples = collections.deque()


METRICS = Metrics()

for request in shop.requests(4000):
    METRICS.samples.append(Sample(request))
shop.wait()
