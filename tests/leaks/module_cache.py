"""A session for each token, and none is ever dropped."""
# holder: __main__.SESSIONS
# of: __main__.Session

import shop

SESSIONS = {}


class Session:
    def __init__(self, request):
        self.user = request.user
        self.visits = [request.path]


def log_in(request):
    SESSIONS[f"{request.user}-{request.number}"] = Session(request)


for request in shop.requests(4000):
    log_in(request)
shop.wait()
