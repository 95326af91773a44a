"""Tables in the hands of others: DuckDB, Polars, pandas and PyArrow, from PyPI.

tools/python-envs installs them for one interpreter; elsewhere these are skipped.
"""

import gc

import memexplorer
import pytest

pyarrow = pytest.importorskip("pyarrow")
polars = pytest.importorskip("polars")
pandas = pytest.importorskip("pandas")
duckdb = pytest.importorskip("duckdb")

TABLES = [
    "objects", "references", "types", "roots", "root_references", "threads", "frames", "blocks",
    "strings", "findings", "dominators",
]  # fmt: skip


class Thing:
    things = []

    def __init__(self):
        Thing.things.append(self)


@pytest.fixture(scope="module", params=[False, True], ids=["packed", "plain"])
def snapshot(request):
    if not Thing.things:
        for _ in range(1234):
            Thing()
    with memexplorer.capture(plain=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def sums(snapshot):
    return snapshot.sql("SELECT count(*) AS n, sum(size) AS size FROM objects")[0]


@pytest.mark.parametrize("name", TABLES)
def test_pyarrow_takes_each_table_whole(snapshot, name):
    table = getattr(snapshot, name)
    taken = pyarrow.table(table)
    taken.validate(full=True)
    assert (taken.num_rows, tuple(taken.column_names)) == (len(table), table.columns)
    assert pyarrow.schema(table) == taken.schema
    rows = taken.slice(len(table) // 2, 3).to_pylist()
    expected = [table[i]._asdict() for i in range(len(table) // 2, len(table))[:3]]
    assert rows == expected


def test_duckdb_queries_a_variable(snapshot, sums):
    objs = snapshot.objects.select("type", "size", "address")  # noqa: F841 - duckdb sees it
    assert duckdb.sql("select count(*), sum(size) from objs").fetchall() == [tuple(sums)]
    name = __name__ + ".Thing"
    assert duckdb.sql(f"select count(*) from objs where type = '{name}'").fetchall() == [(1234,)]
    refs = snapshot.references  # noqa: F841
    found = duckdb.sql(
        "select count(*) from refs join objs on refs.target_address = objs.address "
        f"where objs.type = '{name}' and refs.ownership = 'owned'"
    ).fetchall()
    assert found == [(1234,)]


def test_polars_makes_a_frame(snapshot, sums):
    frame = polars.DataFrame(snapshot.objects)
    assert (len(frame), frame["size"].sum()) == tuple(sums)
    things = frame.filter(polars.col("type") == __name__ + ".Thing")
    assert set(things["address"]) == {id(thing) for thing in Thing.things}
    assert frame["refcount"].null_count() == frame["immortal"].sum()


def test_pandas_makes_a_frame(snapshot, sums):
    frame = pandas.DataFrame.from_arrow(snapshot.objects)
    assert (len(frame), frame["size"].sum()) == tuple(sums)
    assert len(frame[frame.type == __name__ + ".Thing"]) == 1234


def test_the_rows_of_a_query_are_taken_too(snapshot):
    query = snapshot.sql(
        "SELECT type, count(*) AS n, avg(size) AS mean, address, NULL AS none "
        "FROM objects GROUP BY type"
    )
    taken = pyarrow.table(query)
    taken.validate(full=True)
    assert [str(field.type) for field in taken.schema] == [
        "string", "int64", "double", "uint64", "int64",
    ]  # fmt: skip
    assert polars.DataFrame(query)["n"].sum() == len(snapshot.objects)
    assert len(pandas.DataFrame.from_arrow(query)) == len(query)
    assert duckdb.sql("select sum(n) from query").fetchall() == [(len(snapshot.objects),)]
    empty = pyarrow.table(snapshot.sql("SELECT type FROM types WHERE 0"))
    assert (empty.num_rows, empty.column_names) == (0, ["type"])


def test_columns_outlive_the_snapshot():
    mine = memexplorer.capture(plain=True)
    expected = [row.size for row in mine.objects.select("size").head(1000)]
    column = pyarrow.table(mine.objects.select("size")).column("size")
    mine.close()
    del mine
    gc.collect()
    assert column.slice(0, 1000).to_pylist() == expected


def test_a_plain_column_is_not_copied(tmp_path):
    with memexplorer.capture(path=tmp_path / "plain.mxs", plain=True) as mine:
        taken = pyarrow.table(mine.objects.select("size", "retained", "generation"))
        addresses = {name: taken.column(name).chunk(0).buffers()[1].address for name in
                     taken.column_names}  # fmt: skip
        with open("/proc/self/maps") as maps:
            file = [line.split()[0].split("-") for line in maps if "plain.mxs" in line]
    inside = {
        name: any(int(first, 16) <= at < int(end, 16) for first, end in file)
        for name, at in addresses.items()
    }
    assert inside == {"size": True, "retained": True, "generation": False}


def test_a_stream_is_pulled_by_threads_after_its_table_is_gone(snapshot):
    reader = pyarrow.RecordBatchReader.from_stream(snapshot.objects.select("type", "size"))
    gc.collect()
    assert sum(batch.num_rows for batch in reader) == len(snapshot.objects)


def test_an_error_reaches_the_reader():
    mine = memexplorer.capture()
    reader = pyarrow.RecordBatchReader.from_stream(mine.objects.select("size"))
    mine.close()
    with pytest.raises((OSError, pyarrow.ArrowException), match="closed"):
        reader.read_all()
