"""One of two branches of a tee is never read: all that the other has read waits for it."""
# holder: __main__.AUDIT
# of: shop.Request

import itertools

import shop

SERVED, AUDIT = itertools.tee(shop.requests(2500))

for request in SERVED:
    shop.handle(request)
del request
shop.wait()
