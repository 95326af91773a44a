"""Every request asks for a call in a day, and the loop keeps it that long."""
# holder: _scheduled
# of: asyncio.events.TimerHandle | shop.Request

import asyncio

import shop


class Expiry:
    def __init__(self, request):
        self.request = request

    def expire(self):
        shop.log.info("expired: %s", self.request.path)


async def main():
    loop = asyncio.get_running_loop()
    for request in shop.requests(2000):
        loop.call_later(86400, Expiry(request).expire)
    del request
    shop.wait()


asyncio.run(main())
