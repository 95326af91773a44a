"""Snapshots of this process: tables, the answers of the commands, and the process unharmed."""

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import memexplorer
import pytest
from memexplorer import memutil

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = ROOT / "build" / "cli" / "memexplorer"
TABLES = [
    "objects", "references", "types", "roots", "root_references", "threads", "frames", "blocks",
    "strings", "findings", "dominators",
]  # fmt: skip

# What does not depend on the version is tried with an old, a middle and a new one.
once = pytest.mark.skipif(
    sys.version_info[:2] not in ((3, 8), (3, 12), (3, 14)), reason="tried with other versions"
)


class Node:
    def __init__(self, name):
        self.name = name
        self.children = [name + "!"]


class Kept:
    """What the tests ask about, alive while this module is."""

    nodes = [Node(f"node {i}") for i in range(50)]
    one = nodes[7]


def make_cycle():
    node = Node("cyclic")
    node.me = node


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return str(tmp_path_factory.mktemp("snapshots") / "this.mxs")


@pytest.fixture(scope="module")
def snapshot(path):
    gc.collect()
    gc.disable()
    try:
        make_cycle()
        yield memexplorer.capture(path=path)
    finally:
        gc.enable()


def command(*arguments):
    done = subprocess.run([str(COMMAND), *arguments, "--json"], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


# ---- tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_the_rows_and_columns_that_sql_has(snapshot, name):
    table = getattr(snapshot, name)
    assert len(table) == snapshot.sql(f'SELECT count(*) AS n FROM "{name}"')[0].n
    columns = [c for c in table.columns if c != "bytes" or name != "strings"]
    query = ", ".join(f'"{c}"' for c in columns)
    rows = snapshot.sql(f'SELECT {query} FROM "{name}" LIMIT 300')
    for row, other in zip(rows, table.select(*columns).head(300)):
        pairs = zip(columns, row, other)
        assert not [p for p in pairs if p[1] != p[2] and not isinstance(p[1], bytes)]


def test_an_object_is_there_with_its_address_count_and_size(snapshot):
    some = snapshot.objects.select("address", "type", "refcount", "size")
    rows = [row for row in some if row.address == id(Kept.one)]
    count = memutil.refs(id(Kept.one))
    assert len(rows) == 1
    assert rows[0].type == __name__ + ".Node"
    assert (rows[0].refcount, count) == (2, 2)
    assert rows[0].size == sys.getsizeof(Kept.one)


def test_counts_are_explained(snapshot):
    facts = dict(snapshot._table("summary"))
    assert facts["capture"] == "self"
    assert facts["deficit"] == "0"
    assert int(facts["surplus"]) <= 20, facts  # held by what runs while it is made
    assert int(facts["pid"]) == os.getpid()


@once
def test_values_of_str_and_bytes_have_a_column_each(snapshot):
    values = [row for row in snapshot.strings if row.value == "node 7!"]
    assert values and values[0].bytes is None
    assert any(row.bytes is not None and row.value is None for row in snapshot.strings)


def test_rows_are_a_sequence(snapshot):
    types = snapshot.types.select("type", "objects")
    assert types.columns == ("type", "objects")
    assert types[-1] == list(types)[-1] == types[len(types) - 1]
    assert types[1:3] == list(types)[1:3]
    assert [tuple(row) for row in types.head(2)] == [tuple(row) for row in types[:2]]
    with pytest.raises(IndexError):
        types[len(types)]
    with pytest.raises(ValueError, match="no column 'nope'"):
        types.select("nope")


def test_a_query_has_the_types_of_its_values(snapshot):
    row = snapshot.sql("SELECT 1 AS i, 2.5 AS f, 'a' AS t, x'0001' AS b, NULL AS n")[0]
    assert row == (1, 2.5, "a", b"\0\1", None)
    mixed = snapshot.sql("SELECT 1 AS v UNION ALL SELECT 'two' UNION ALL SELECT NULL")
    assert sorted(str(row.v) for row in mixed) == ["1", "None", "two"]
    assert len(snapshot.sql("SELECT 1 WHERE 0")) == 0


@once
def test_bad_queries_are_refused_with_one_line(snapshot):
    for query in ("SELCT 1", "", "DELETE FROM objects", "SELECT * FROM nowhere"):
        with pytest.raises(ValueError) as error:
            snapshot.sql(query)
        assert "\n" not in str(error.value)
    with pytest.raises(TimeoutError):
        snapshot.sql("SELECT count(*) FROM objects a, objects b, objects c", timeout=0.01)


# ---- answers ------------------------------------------------------------------------------------


def test_answers_are_those_of_the_commands(snapshot, path):
    if not COMMAND.exists():
        pytest.skip("the command line is not built: ninja -C build")
    one = hex(id(Kept.one))
    assert snapshot.why(one) == command("why", path, one)
    assert snapshot.why("Node") == command("why", path, "Node")
    assert snapshot.show(one) == command("show", path, one)
    assert snapshot.retained(one) == command("retained", path, one)
    assert snapshot.free(one) == command("free", path, one)
    assert snapshot.garbage() == command("garbage", path)
    assert snapshot.cycles() == command("cycles", path)
    assert snapshot.suspects() == command("suspects", path)
    assert snapshot.dominators() == command("dominators", path)
    assert snapshot.dominators(one, depth=2, top=3) == command(
        "dominators", path, one, "--depth", "2", "--top", "3"
    )


@once
def test_diff_is_that_of_the_command(snapshot, path, tmp_path):
    if not COMMAND.exists():
        pytest.skip("the command line is not built: ninja -C build")
    Kept.more = [Node(str(i)) for i in range(20)]
    later = str(tmp_path / "later.mxs")
    with memexplorer.capture(path=later) as after:
        answer = snapshot.diff(after)
        assert answer == command("diff", path, later)
        assert snapshot.diff(after, type=__name__ + ".Node", top=1).types[0].born.objects == 20


def test_garbage_is_what_the_collector_finds(snapshot):
    shapes = [group.shape for group in snapshot.garbage().groups]
    assert any("Node.me" in shape for shape in shapes), shapes


def test_answers_are_dicts_with_attributes(snapshot):
    answer = snapshot.retained(id(Kept.one))
    assert answer.retained == answer["retained"] > 0
    assert answer.types[0].bytes == answer["types"][0]["bytes"]
    with pytest.raises(AttributeError, match="it has address, type"):
        answer.nothing  # noqa: B018
    json.dumps(answer)


def test_what_is_not_there_is_a_lookup_error(snapshot):
    for question in (snapshot.why, snapshot.show, snapshot.retained, snapshot.free):
        with pytest.raises(LookupError):
            question(12345)
    with pytest.raises(LookupError):
        snapshot.why("NoSuchType")
    with pytest.raises((LookupError, ValueError)):
        snapshot.free(id(Kept.one), ".no_such_attribute")


def test_wrong_types_are_type_errors(snapshot):
    for wrong in (None, 1.5, [], snapshot):
        with pytest.raises(TypeError):
            snapshot.show(wrong)
    for wrong in (snapshot, 3, None):
        with pytest.raises(TypeError):
            memexplorer._memexplorer.suspects(wrong)
        with pytest.raises(TypeError):
            memexplorer._memexplorer.TableData(wrong, "objects")
    with pytest.raises(ValueError):
        snapshot.diff()
    with pytest.raises(ValueError):
        memexplorer.capture(mode="gently")


@once
def test_a_notebook_shows_tables_a_map_and_ways(snapshot):
    Kept.nasty = Node("<script>&'\"")
    with memexplorer.capture() as mine:
        way = mine.why(id(Kept.nasty))._repr_html_()
        assert way.count("<rect") >= 2 and "Node" in way
        page = mine.dominators()._repr_html_()
        assert page.startswith("<svg") and page.count("<rect") > 10
        rows = mine.sql("SELECT value FROM strings WHERE value LIKE '<script>&%'")._repr_html_()
        assert "&lt;script&gt;" in rows and "<script" not in way + page + rows
    for shown in (snapshot.types, snapshot.retained(id(Kept.one)), snapshot.suspects()):
        assert "<table>" in shown._repr_html_()
        assert repr(shown)


# ---- files --------------------------------------------------------------------------------------


@once
def test_files_that_are_none_are_refused(tmp_path, path, snapshot):
    with pytest.raises(LookupError):
        memexplorer.open(tmp_path / "nothing")
    text = tmp_path / "text"
    text.write_text("not a snapshot")
    with pytest.raises(ValueError, match="text"):
        memexplorer.open(text)
    short = tmp_path / "short"
    short.write_bytes(Path(path).read_bytes()[:-1000])
    with pytest.raises(ValueError):
        memexplorer.open(short)
    with pytest.raises(OSError):
        memexplorer.capture(path=tmp_path / "no" / "such" / "folder")


@once
def test_values_can_be_left_out_and_columns_written_plain(tmp_path):
    secret = "correct horse " + "battery staple"
    with memexplorer.capture(path=tmp_path / "redacted", redact=True, plain=True) as mine:
        assert not [row for row in mine.strings.select("value") if row.value == secret]
        rows = mine.sql("SELECT size, extra, refcount, retained, possible FROM objects")
        table = mine.objects.select("size", "extra", "refcount", "retained", "possible")
        assert list(map(tuple, rows)) == list(map(tuple, table))
    assert secret.encode() not in (tmp_path / "redacted").read_bytes()


@once
def test_another_process_can_be_captured(tmp_path):
    code = "import sys; kept = ['of the other']; print('ready', flush=True); sys.stdin.read()"
    target = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert target.stdout.readline() == b"ready\n"
        with memexplorer.capture(target.pid) as other:
            assert [row for row in other.strings if row.value == "of the other"]
    except PermissionError:
        pytest.skip("no debugger's rights here")
    finally:
        target.communicate()


# ---- closing, threads ---------------------------------------------------------------------------


@once
def test_a_closed_snapshot_says_so_and_nothing_is_left_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(memexplorer.snapshot.tempfile, "tempdir", str(tmp_path))
    mine = memexplorer.capture()
    assert mine.path is None
    assert os.listdir(tmp_path) == []
    objects = mine.objects
    mine.close()
    mine.close()
    assert mine.closed and "closed" in repr(mine)
    for question in (
        lambda: mine.objects,
        lambda: objects.head(1),
        lambda: objects.__arrow_c_stream__(),
        lambda: mine.why(id(Kept.one)),
        lambda: mine.sql("SELECT 1"),
        lambda: mine.suspects(),
        lambda: mine.diff(mine),
        lambda: mine.dominators,
    ):
        with pytest.raises(ValueError, match="closed"):
            question()


@once
def test_threads_may_share_a_snapshot_and_close_it(path, snapshot):
    mine = memexplorer.open(path)
    failures = []

    def ask():
        try:
            for _ in range(5):
                mine.why(id(Kept.one))
                mine.types.head(3)
                mine.sql("SELECT count(*) FROM objects")
        except ValueError as error:
            if "closed" not in str(error):
                failures.append(error)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    mine.why(id(Kept.one))
    mine.close()
    for thread in threads:
        thread.join()
    assert failures == []


def test_it_is_consistent_while_other_threads_run():
    stop = threading.Event()

    def churn():
        kept = {}
        i = 0
        while not stop.is_set():
            kept[i % 500] = [i, {"a": i}, (i, str(i))]
            i += 1

    threads = [threading.Thread(target=churn) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        with memexplorer.capture() as mine:
            facts = dict(mine._table("summary"))
            assert len(mine.threads) >= 4
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    torn = hasattr(sys, "_is_gil_enabled") and sys.version_info < (3, 14)
    if not torn or sys._is_gil_enabled():
        assert facts["deficit"] == "0"
        assert facts["undecoded"] == "0"


# ---- the process unharmed -----------------------------------------------------------------------


@once
def test_a_handler_that_reaps_all_children_does_no_harm():
    reaped = []

    def reap(*_):
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                reaped.append((pid, status))

    before = signal.signal(signal.SIGCHLD, reap)
    try:
        with memexplorer.capture() as mine:
            assert len(mine.objects) > 1000
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert all(status == 0 for _, status in reaped)


@once
def test_a_signal_handler_may_end_it():
    class Enough(Exception):
        pass

    def handler(*_):
        raise Enough

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    try:
        with pytest.raises(Enough):
            for _ in range(100):
                memexplorer.capture().close()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@once
def test_it_gives_up_in_time():
    with pytest.raises(TimeoutError):
        memexplorer.capture(timeout=1e-6)


@once
def test_open_files_are_closed_when_the_program_closes_them():
    reader, writer = os.pipe()
    done = threading.Thread(target=lambda: memexplorer.capture().close())
    done.start()
    os.close(writer)
    done.join()
    assert os.read(reader, 1) == b""
    os.close(reader)


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", (done.stdout, done.stderr)
    return done.stdout


def test_a_child_of_a_fork_can_capture_itself_and_close_what_it_got():
    run(
        """
import memexplorer, os
snapshot = memexplorer.capture()
pid = os.fork()
if pid == 0:
    n = len(snapshot.objects)
    mine = memexplorer.capture()
    ok = dict(mine._table("summary"))["pid"] == str(os.getpid()) and n > 1000
    snapshot.close()
    os._exit(0 if ok else 1)
assert os.waitpid(pid, 0)[1] == 0
assert len(snapshot.objects) > 1000
"""
    )


def test_the_interpreter_may_shut_down_with_snapshots_and_streams_open():
    out = run(
        """
import atexit, memexplorer
snapshot = memexplorer.capture()
table = snapshot.objects
stream = table.__arrow_c_stream__()
schema = table.__arrow_c_schema__()
class Late:
    def __del__(self, capture=memexplorer.capture):
        try:
            print(len(capture().objects) > 1000)
        except Exception as error:
            print(True)
late = Late()
atexit.register(lambda: print(len(memexplorer.capture().objects) > 1000))
"""
    )
    assert set(out.split()) == {"True"}


def test_the_child_runs_no_python_and_children_of_the_program_are_left_to_it():
    out = run(
        """
import atexit, memexplorer, os
os.register_at_fork(after_in_child=lambda: os._exit(print("child") or 9))
class Loud:
    def __del__(self): print("finalized in", os.getpid() == pid)
pid = os.getpid()
loud = Loud()
print("unflushed", end=" ")
memexplorer.capture().close()
print("once")
import subprocess
child = subprocess.Popen(["/bin/sh", "-c", "exit 7"])
memexplorer.capture().close()
assert child.wait() == 7
del loud
"""
    )
    assert out.split() == ["unflushed", "once", "finalized", "in", "True"]


def test_asking_leaks_nothing(snapshot, path):
    def questions():
        with memexplorer.open(path) as mine:
            mine.types.head(3)
            mine.types.__arrow_c_schema__()
            mine.objects.select("type", "address").__arrow_c_stream__()
            mine.sql("SELECT type, size FROM objects LIMIT 5").head()
            mine.why(id(Kept.one))
            mine.show(id(Kept.one))
            mine.retained(id(Kept.one))
            mine.free(id(Kept.one))
            for failing in (lambda: mine.sql("no"), lambda: mine.show(1), lambda: mine.show(None)):
                with contextlib.suppress(ValueError, LookupError, TypeError):
                    failing()

    def counts():
        gc.collect()
        return [memutil.refs(id(thing)) for thing in (None, True, memexplorer.Table, Kept)]

    for _ in range(3):
        questions()
    before, blocks = counts(), sys.getallocatedblocks()
    for _ in range(20):
        questions()
    after = counts()
    assert after[2:] == before[2:]
    assert all(abs(b - a) < 15 for a, b in zip(before[:2], after[:2])), (before, after)
    if blocks:  # 0 where an allocator of its own does not count them
        assert sys.getallocatedblocks() - blocks < 200
