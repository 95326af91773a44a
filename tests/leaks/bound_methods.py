"""Views observe the model with bound methods, and so live as long as it does."""
# holder: __main__.MODEL.observers
# of: __main__.View

import shop


class Model:
    def __init__(self):
        self.observers = []


class View:
    def __init__(self, model, request):
        self.title = request.path
        self.cells = [[request.number, column] for column in range(6)]
        model.observers.append(self.refresh)

    def refresh(self):
        self.title = "changed"


MODEL = Model()

for request in shop.requests(2500):
    View(MODEL, request)
shop.wait()
