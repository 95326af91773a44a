import asyncio


class Node:
    pass


async def work(n):
    local = Node()  #: +Node +Node
    await asyncio.sleep(0)
    return n  #: -Node count -Node count


async def main():
    first = await work(1)
    second = await work(2)


asyncio.run(main())
