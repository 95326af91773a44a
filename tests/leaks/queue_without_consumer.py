"""The consumer has died; the producers go on."""
# holder: __main__.OUTBOX.queue
# of: __main__.Mail

import queue

import shop

OUTBOX = queue.Queue()


class Mail:
    def __init__(self, request):
        self.to = request.user
        self.text = f"Your order {request.path} is on its way. ".ljust(400)


for request in shop.requests(3000):
    OUTBOX.put(Mail(request))
shop.wait()
