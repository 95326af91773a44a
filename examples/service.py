"""A small in-memory service under its own load: a program for memexplorer to look at.

    python service.py [--seconds 60] [--sessions 400]

Clients log in over a Unix socket, follow each other and ask for pages. It is an ordinary program
with two ordinary mistakes, and nothing in it knows about memexplorer:

- PageCache keeps every page ever rendered. Its key holds the whole query string, so hardly any
  entry is used twice, and nothing is ever thrown out.
- Sessions that follow each other hold each other. After a logout, they wait for the cycle
  collector, or stay as long as somebody who is still logged in follows them.

Prints "ready" once every session is logged in and has had its first page. Needs Python 3.8.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import threading
import time

FIRST_PAGES = 5  # that a client asks for before the service counts as ready
HISTORY_LENGTH = 20  # requests that a session remembers
COUNTRIES = ("de", "fr", "it", "nl", "pl")


class Request:
    """One request as a session remembers it."""

    __slots__ = ("path", "query", "received", "nbytes")

    def __init__(self, path: str, query: str) -> None:
        self.path = path
        self.query = query
        self.received = time.time()
        self.nbytes = 0


class Session:
    """Somebody who is logged in."""

    def __init__(self, user: str) -> None:
        self.user = user
        self.country = random.choice(COUNTRIES)
        self.created = time.time()
        self.follows: list[Session] = []
        self.followers: list[Session] = []
        self.history: list[Request] = []

    def __repr__(self) -> str:
        return f"<Session {self.user}>"

    def follow(self, other: Session) -> None:
        self.follows.append(other)
        other.followers.append(self)

    def remember(self, request: Request) -> None:
        self.history.append(request)
        del self.history[:-HISTORY_LENGTH]


class CacheEntry:
    """A rendered page and how often it was asked for."""

    def __init__(self, key: str, body: bytes, owner: Session) -> None:
        self.key = key
        self.body = body
        self.owner = owner
        self.created = time.time()
        self.hits = 0


class PageCache:
    """Never emptied: the first mistake."""

    def __init__(self) -> None:
        self.entries: dict[str, CacheEntry] = {}
        self.misses = 0

    def page(self, session: Session, request: Request) -> CacheEntry:
        key = f"{request.path}?{request.query}"
        entry = self.entries.get(key)
        if entry is None:
            self.misses += 1
            entry = self.entries[key] = CacheEntry(key, self.render(session, request), session)
        entry.hits += 1
        return entry

    def render(self, session: Session, request: Request) -> bytes:
        rows = "".join(f"<li>{other.user}</li>" for other in session.follows)
        page = f"<h1>{request.path}</h1><p>{session.user}, {request.query}</p><ul>{rows}</ul>"
        return page.encode() * random.randint(1, 4)


class Service:
    """Answers one line with one line, for every connection."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.cache = PageCache()
        self.started = time.time()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session: Session | None = None
        try:
            while True:
                line = await reader.readline()
                if not line:
                    return
                verb, *arguments = line.decode().split()
                if verb == "LOGIN":
                    session = self.login(arguments[0])
                    answer = b"welcome"
                else:
                    answer = self.answer(session, verb, arguments)
                writer.write(b"%d\n%s" % (len(answer), answer))
                await writer.drain()
        except ConnectionError:
            pass  # the client went away
        finally:
            if session:
                self.logout(session)
            writer.close()

    def login(self, user: str) -> Session:
        session = self.sessions[user] = Session(user)
        return session

    def logout(self, session: Session) -> None:
        """Forgets the session, but not who follows whom: the second mistake."""
        self.sessions.pop(session.user, None)

    def answer(self, session: Session | None, verb: str, arguments: list[str]) -> bytes:
        if session is None:
            return b"log in first"
        if verb == "FOLLOW":
            other = self.sessions.get(arguments[0])
            if other and other is not session:
                session.follow(other)
            return b"ok"
        if verb == "GET":
            request = Request(*arguments)
            session.remember(request)
            entry = self.cache.page(session, request)
            request.nbytes = len(entry.body)
            return entry.body
        return b"unknown verb"


class Housekeeper(threading.Thread):
    """A thread that was meant to expire sessions, and so far only counts them."""

    def __init__(self, service: Service) -> None:
        super().__init__(name="housekeeper", daemon=True)
        self.service = service
        self.stopped = threading.Event()
        self.counts: list[int] = []

    def run(self) -> None:
        while not self.stopped.wait(1.0):
            self.counts.append(len(self.service.sessions))


class Client:
    """One user: logs in, follows a few others, reads pages, now and then logs out and in again."""

    def __init__(self, number: int, count: int, address: str) -> None:
        self.user = f"user:{number}"
        self.friends = [f"user:{random.randrange(count)}" for _ in range(4)]
        self.address = address
        self.pages = 0
        self.warmed_up = asyncio.Event()

    async def run(self) -> None:
        while True:
            reader, writer = await asyncio.open_unix_connection(self.address)
            try:
                await self.visit(reader, writer)
            finally:
                writer.close()

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def ask(line: str) -> bytes:
            writer.write(line.encode() + b"\n")
            return await reader.readexactly(int(await reader.readline()))

        await ask(f"LOGIN {self.user}")
        for friend in self.friends:
            await ask(f"FOLLOW {friend}")
        for _ in range(random.randint(20, 60)):
            await ask(f"GET /feed/{random.randrange(50)} page={self.pages}&user={self.user}")
            self.pages += 1
            if self.pages >= FIRST_PAGES:
                self.warmed_up.set()
                await asyncio.sleep(random.uniform(0.2, 1.0))


async def main(seconds: float, count: int) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    service = Service()
    housekeeper = Housekeeper(service)
    housekeeper.start()
    address = f"\0memexplorer-example-{os.getpid()}"  # no file: it goes away with the process
    server = await asyncio.start_unix_server(service.serve, address, backlog=count)
    clients = [Client(number, count, address) for number in range(count)]
    tasks = [loop.create_task(client.run()) for client in clients]
    for client in clients:
        await client.warmed_up.wait()
    print("ready", flush=True)

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    server.close()
    housekeeper.stopped.set()
    housekeeper.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long to run (60)")
    parser.add_argument("--sessions", type=int, default=400, help="how many clients (400)")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.seconds, arguments.sessions))
