"""A descriptor keeps its values by instance, and so every instance."""
# holder: __main__.Invoice.total values
# of: __main__.Invoice

import shop


class Computed:
    def __init__(self, function):
        self.function = function
        self.values = {}

    def __get__(self, instance, owner):
        if instance is None:
            return self
        if instance not in self.values:
            self.values[instance] = self.function(instance)
        return self.values[instance]


class Invoice:
    def __init__(self, request):
        self.lines = [(f"{request.path}/{i}", i * 1.5) for i in range(6)]

    @Computed
    def total(self):
        return sum(amount for _, amount in self.lines)


def main():
    for request in shop.requests(2500):
        assert Invoice(request).total > 1
    shop.wait()


main()
