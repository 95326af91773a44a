"""A task for each client waits for an event that never comes."""
# holder: __main__.CLOSED _waiters
# of: __main__.watch | shop.Request | builtins.coroutine | _asyncio.Task | _asyncio.Future

import asyncio

import shop

CLOSED = None


async def watch(request):
    pending = [request.url, dict(request.headers)]
    await CLOSED.wait()
    return pending


async def main():
    global CLOSED
    CLOSED = asyncio.Event()
    loop = asyncio.get_running_loop()
    for request in shop.requests(1200):
        loop.create_task(watch(request))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    shop.wait()


asyncio.run(main())
