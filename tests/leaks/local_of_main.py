"""The main loop collects results in a local variable that nobody reads."""
# holder: serve results
# of: __main__.Result

import shop


class Result:
    def __init__(self, request):
        self.path = request.path
        self.answer = shop.handle(request)


def serve():
    results = []
    for request in shop.requests(3000):
        results.append(Result(request))
    shop.wait()
    return len(results)


serve()
