"""NumPy arrays and pandas frames: numbers, objects, strings, categories, groups."""

import datetime
import sys

import numpy
import pandas

ROWS = 100_000
random = numpy.random.default_rng(7)


class Thing:
    """An object of ours in their arrays."""

    def __init__(self, number: int) -> None:
        self.number = number


def arrays() -> dict:
    things = numpy.array([Thing(n) for n in range(500)], dtype=object)
    record = numpy.dtype([("name", "U10"), ("value", "f8"), ("held", "O"), ("pair", "O", (2,))])
    records = numpy.zeros(50, dtype=record)
    for n in range(50):
        records[n] = (f"name {n}", n / 3, [f"list {n}"], (f"left {n}", f"right {n}"))
    matrix = numpy.empty((20, 30), dtype=object)
    for n in range(600):
        matrix.flat[n] = f"cell {n}"
    return {
        "numbers": random.normal(size=(ROWS, 8)), "things": things, "every other": things[::2],
        "records": records, "held": records["held"], "fields": record, "matrix": matrix,
        "column": matrix[:, 3], "turned": matrix.T, "one": numpy.array(Thing(1), dtype=object),
        "masked": numpy.ma.masked_array([1, 2, 3], [0, 1, 0]), "scalars": list(numpy.arange(50)),
        "flat": matrix.flat, "broadcast": numpy.broadcast(matrix, matrix[0]),
        "iterator": numpy.nditer(matrix, flags=["refs_ok", "external_loop"]),
        "function": numpy.frompyfunc(lambda a, b: a, 2, 1), "vectorized": numpy.vectorize(len),
        "dates": numpy.arange("2020-01", "2020-06", dtype="datetime64[D]"),
        "strings": numpy.array([f"text {n}" for n in range(100)]),
        "words": numpy.array([f"word {n}" for n in range(200_000)], dtype=object),
        "polynomial": numpy.polynomial.Polynomial([1, 2, 3]), "generator": random,
        "void": records[3], "zero size": numpy.empty((0, 3), dtype=object),
        "memory": memoryview(numpy.arange(10)), "random state": numpy.random.RandomState(3),
    }  # fmt: skip


def frames() -> dict:
    index = pandas.date_range("2020-01-01", periods=ROWS, freq="h")
    frame = pandas.DataFrame(
        {
            "number": random.normal(size=ROWS),
            "integer": random.integers(0, 100, ROWS),
            "text": [f"text {n % 300}" for n in range(ROWS)],
            "thing": [Thing(n) for n in range(ROWS)],
            "category": pandas.Categorical([f"category {n % 7}" for n in range(ROWS)]),
            "when": index,
            "missing": [None if n % 3 else f"here {n}" for n in range(ROWS)],
        },
        index=index,
    )
    groups = frame.groupby("category", observed=True)
    by_text = frame.groupby(["text", "category"], observed=True)["number"].agg(["mean", "count"])
    other = pandas.DataFrame({"text": [f"text {n}" for n in range(300)], "extra": range(300)})
    unique = pandas.Index([f"label {n}" for n in range(500)])
    assert unique.get_loc("label 77") == 77
    return {
        "frame": frame, "groups": groups, "means": groups["number"].mean(), "by text": by_text,
        "indices": groups.indices, "merged": frame.merge(other, on="text"), "unique": unique,
        "pivot": frame.pivot_table(index="category", columns="integer", values="number",
                                   observed=True),
        "resampled": frame["number"].resample("D").mean(),
        "rolling": frame["number"].rolling(10).mean(),
        "timestamps": [pandas.Timestamp(2020, 1, 1, tz="UTC") + pandas.Timedelta(hours=n)
                       for n in range(100)],
        "periods": pandas.period_range("2020-01", periods=24, freq="M"),
        "intervals": pandas.interval_range(0, 20), "sorted": frame.sort_values("text"),
        "ranges": pandas.RangeIndex(10), "strings": frame["text"].astype("string"),
        "nullable": pandas.array([1, None, 3], dtype="Int64"),
        "multi": pandas.MultiIndex.from_product([list("abc"), range(5)]),
        "exploded": pandas.Series([[f"a {n}", f"b {n}"] for n in range(50)]).explode(),
        "zone": pandas.Series(index).dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        "applied": frame["thing"].apply(lambda thing: thing.number),
        "offset": pandas.offsets.BDay(3), "zoned": datetime.datetime(2020, 1, 1),
        "cut": pandas.cut(frame["number"], 5),
    }  # fmt: skip


kept = {"arrays": arrays(), "frames": frames()}
print("ready", flush=True)
sys.stdin.readline()
