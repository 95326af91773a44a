"""Failures are kept to be shown; each traceback keeps the frames, and these the rows."""
# holder: __main__.FAILURES
# of: __main__.ImportFailed | builtins.frame | builtins.traceback

import shop

FAILURES = []


class ImportFailed(Exception):
    pass


def load(request):
    rows = [f"{request.number},{i},{request.user}" for i in range(40)]
    if len(rows) > 3:
        raise ImportFailed(request.path)
    return rows


def run():
    for request in shop.requests(700):
        try:
            load(request)
        except ImportFailed as error:
            FAILURES.append(error)


run()
shop.wait()
