"""Five rows of each frame are kept, and with them the whole frame."""
# holder: __main__.SAMPLES
# of: pandas.core.frame.DataFrame | numpy.ndarray
# needs: data

import numpy
import pandas
import shop

SAMPLES = []


def load(request):
    frame = pandas.DataFrame(numpy.arange(3000.0).reshape(1000, 3) + request.number)
    SAMPLES.append(frame[:5])


for request in shop.requests(2000):
    load(request)
shop.wait()
