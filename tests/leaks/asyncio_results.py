"""Tasks are kept so that they are not collected, and not let go of when they are done."""
# holder: __main__.BACKGROUND
# of: _asyncio.Task | shop.Request

import asyncio

import shop

BACKGROUND = set()


async def send_mail(request):
    await asyncio.sleep(0)
    return request


async def main():
    for request in shop.requests(2000):
        BACKGROUND.add(asyncio.get_running_loop().create_task(send_mail(request)))
    await asyncio.wait(BACKGROUND)
    shop.wait()


asyncio.run(main())
