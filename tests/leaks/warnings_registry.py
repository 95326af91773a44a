"""A warning whose text is never the same: the module's registry keeps each of them."""
# holder: __warningregistry__
# of: builtins.tuple

import warnings

import shop

warnings.simplefilter("default")
warnings.showwarning = lambda *arguments, **more: None


def process(request):
    warnings.warn(f"{request.url} of {request.user} has no tax rate", stacklevel=1)


for request in shop.requests(7000):
    process(request)
shop.wait()
