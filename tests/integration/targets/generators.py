"""A report is taken while generators, coroutines and async generators are running and waiting."""

import sys
import types

waiting = []


def chain(depth, below):
    local = [depth, below]
    if depth:
        yield from chain(depth - 1, local)
    else:
        print("ready", flush=True)
        yield sys.stdin.read()
    return local


@types.coroutine
def suspend(value):
    yield value


async def numbers():
    for number in range(3):
        await suspend([number])
        yield [number]


async def collect(kept):
    async for number in numbers():
        kept.append(number)


def main():
    for number in range(200):
        coroutine = collect([number])
        coroutine.send(None)
        waiting.append(coroutine)
    running = chain(50, None)
    next(running)


main()
