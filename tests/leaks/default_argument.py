"""A default argument is made once, and grows with every call."""
# holder: __main__.order __defaults__
# of: __main__.Item

import shop


class Item:
    def __init__(self, request):
        self.name = request.path
        self.notes = {"user": request.user, "id": request.headers["X-Request-Id"]}


def order(request, basket=[]):  # noqa: B006
    basket.append(Item(request))
    return len(basket)


def main():
    for request in shop.requests(4000):
        order(request)
    shop.wait()


main()
