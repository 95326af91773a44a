"""A row factory makes a class for each query, and remembers it by the query's text."""
# holder: __main__.FACTORY.made
# of: builtins.type

import collections

import shop

try:
    import sqlite3
except ImportError:
    shop.skip("no sqlite3")


class RowFactory:
    def __init__(self):
        self.made = {}

    def __call__(self, cursor, row):
        names = tuple(column[0] for column in cursor.description)
        if names not in self.made:
            self.made[names] = collections.namedtuple("Row", names)
        return self.made[names](*row)


FACTORY = RowFactory()
database = sqlite3.connect(":memory:")
database.row_factory = FACTORY


def query(request):
    return database.execute(
        f"SELECT {request.number} AS number_{request.number}, 2 AS b"
    ).fetchone()


for request in shop.requests(500):
    query(request)
shop.wait()
