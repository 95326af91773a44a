"""memexplorer sql: the same answers as the other commands, docs/sql.md, and the prompt."""

import fcntl
import importlib.machinery
import importlib.util
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import termios
import time

import pytest
from conftest import LIMIT_SECONDS, PROGRAM, ROOT, document, error_line, memexplorer, output

PAGE = ROOT / "docs" / "sql.md"


def load_tool(name):
    loader = importlib.machinery.SourceFileLoader("tool", str(ROOT / "tools" / name))
    spec = importlib.util.spec_from_loader("tool", loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tool"] = module  # where NamedTuple looks annotations up
    loader.exec_module(module)
    return module


def rows(pid, query):
    lines = output("sql", pid, query, "--json").splitlines()
    return [json.loads(line) for line in lines]


# ---- the same answers ---------------------------------------------------------------------------


def test_types_are_those_of_report(target):
    report = document("report", target.pid)["types"]
    found = rows(
        target.pid,
        "SELECT type, objects AS count, bytes, address FROM types WHERE objects > 0",
    )
    assert sorted(found, key=lambda row: row["address"]) == sorted(
        ({key: row[key] for key in ("type", "count", "bytes", "address")} for row in report),
        key=lambda row: row["address"],
    )


def test_a_group_by_gives_what_report_sums(target):
    report = document("report", target.pid)["types"]
    sums = {}
    for row in report:
        count, nbytes = sums.get(row["type"], (0, 0))
        sums[row["type"]] = (count + row["count"], nbytes + row["bytes"])
    query = "SELECT type, count(*) AS count, sum(size) AS bytes FROM objects GROUP BY type"
    found = {row["type"]: (row["count"], row["bytes"]) for row in rows(target.pid, query)}
    assert found == sums


def test_objects_are_those_of_objects(target):
    columns = "address, type, refcount, size, tracked, preview"
    found = rows(target.pid, f"SELECT {columns} FROM objects")
    listed = [json.loads(line) for line in output("objects", target.pid, "--json").splitlines()]
    assert len(found) > 10000
    assert [{**row, "tracked": bool(row["tracked"])} for row in found] == listed


@pytest.mark.parametrize("name", ["held", "shared", "session", "items"])
def test_references_of_an_object_are_those_of_show(target, name):
    address = target.facts[name]
    shown = document("show", target.pid, address)
    columns = "label, ownership, target_address AS address, target_type AS type"
    found = rows(target.pid, f"SELECT {columns} FROM referents WHERE source_address = {address}")
    keys = ("label", "ownership", "address", "type")
    listed = [{key: row[key] for key in keys} for row in shown["references"]]
    # That to a static class is not counted, and is the object's type.
    assert found == [row for row in listed if row["ownership"] == "owned"]


@pytest.mark.parametrize("name", ["held", "shared", "session", "items"])
def test_referrers_of_an_object_are_those_of_show(target, name):
    address = target.facts[name]
    columns = "label, ownership, source_address, root"
    found = rows(target.pid, f"SELECT {columns} FROM referrers WHERE target_address = {address}")
    shown = document("show", target.pid, address)["referrers"]
    got = [(r["source_address"], r["label"], r["ownership"]) for r in found if not r["root"]]
    expected = [(r["address"], r["label"], r["ownership"]) for r in shown if not r["root"]]
    assert got == expected
    assert got


def test_threads_and_frames_are_those_of_report(target):
    stacks = {}
    for row in rows(target.pid, "SELECT * FROM stacks"):
        frame = {key: row[key] for key in ("function", "file", "line")}
        stacks.setdefault(row["native_id"], []).append(frame)
    threads = document("report", target.pid)["threads"]
    assert stacks == {thread["native_id"]: thread["frames"] for thread in threads}


def test_findings_are_those_of_audit(target):
    found = rows(target.pid, "SELECT * FROM findings")
    expected = document("audit", target.pid)["findings"]
    for row, finding in zip(found, expected):
        for column, key in (
            ("holder", "holder"),
            ("held_at", "where"),
            ("type", "type"),
            ("object_count", "objects"),
            ("reference_count", "references"),
            ("confidence", "confidence"),
            ("example", "example"),
            ("word", "place"),
            ("meaning", "meaning"),
        ):
            assert (row[column] or None) == (finding[key] or None)
    assert len(found) == len(expected) > 0


@pytest.mark.parametrize("command", ["garbage", "cycles"])
def test_cycles_are_those_of_garbage_and_of_cycles(cyclic, command):
    query = f"SELECT * FROM cycles WHERE garbage = {int(command == 'garbage')}"
    found = rows(cyclic, query)
    groups = document(command, cyclic)["groups"]
    keys = {"cycle_count": "cycles", "objects": "objects", "bytes": "bytes", "shape": "shape"}
    assert [[row[key] for key in keys] for row in found] == [
        [group[key] for key in keys.values()] for group in groups
    ]
    assert found


def test_suspects_are_those_of_suspects(target):
    report = document("suspects", target.pid)
    for (table, name), keys in {
        ("suspects", "suspects"): ("text", "path", "type", "objects", "bytes", "retained"),
        ("sparse", "sparse_rows"): ("type", "empty", "wasted", "example"),
        ("slots", "slots_rows"): ("type", "instances", "attributes", "bytes", "saved"),
    }.items():
        found = rows(target.pid, f"SELECT * FROM {table}")
        assert [[row[key] for key in keys] for row in found] == [
            [each[key] for key in keys] for each in report[name]
        ]


def test_totals_are_those_of_report(target):
    summary = {row["name"]: row["value"] for row in rows(target.pid, "SELECT * FROM summary")}
    report = document("report", target.pid)
    for key in ("objects", "references", "bytes", "undecoded"):
        assert summary[key] == report[key]
    for key in ("explained", "certain", "surplus", "deficit", "immortal"):
        assert summary[key] == report["refcounts"][key]
    assert summary["pid"] == target.pid


def test_values_of_strings_are_whole(target):
    query = "SELECT value FROM strings WHERE value GLOB 'quoted ?text*'"
    assert rows(target.pid, query) == [{"value": 'quoted "text", with a comma'}]


# ---- docs/sql.md --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tool():
    return load_tool("gen-sql-docs")


@pytest.fixture(scope="module")
def documented(tool):
    with tool.running_target() as pid:
        yield pid


def test_the_page_is_what_the_tool_writes(tool, documented):
    assert tool.differences(PAGE.read_text(), tool.documentation(documented)) == ""
    assert tool.differences(PAGE.read_text().replace("found by", ""), [])


def test_every_example_gives_what_stands_there(tool, documented):
    for query, printed in tool.queries_of(PAGE.read_text()):
        found = output("sql", documented, query).splitlines()
        assert found[0].split() == printed.splitlines()[0].split(), query
        assert len(found) == len(printed.splitlines()), query


def test_every_view_answers(documented):
    views = rows(documented, "SELECT name FROM documentation WHERE kind = 'view'")
    statements = ";".join(f"SELECT * FROM {view['name']} LIMIT 3" for view in views)
    headings = [
        part.splitlines()[0] for part in output("sql", documented, statements).split("\n\n")
    ]
    assert len(headings) == len(views) >= 15


# ---- output, input ------------------------------------------------------------------------------


def test_addresses_are_printed_as_such_and_numbers_to_the_right(target):
    address = target.facts["held"]
    query = f"SELECT address, refcount, type FROM objects WHERE address = {address}"
    assert output("sql", target.pid, query) == (
        f"ADDRESS         REFCOUNT  TYPE\n0x{address:x}         1  builtins.list\n"
    )


def test_json_keeps_every_column_and_every_kind_of_value(target):
    query = "SELECT 1 AS a, 2 AS a, x'00ff' AS b, NULL AS n, 0.1 AS r, 9e999 AS i, char(0, 10) AS t"
    assert rows(target.pid, query) == [
        {"a": 1, "a_2": 2, "b": "00ff", "n": None, "r": 0.1, "i": None, "t": "\0\n"}
    ]
    assert "x'00ff'  NULL  0.1  inf  \\x00\\x0a\n" in output("sql", target.pid, query)


def test_statements_are_read_from_standard_input(target):
    asked = b"SELECT 1 AS one; SELECT\n2 AS two;\n.schema roots\nSELECT 3 AS three"
    result = memexplorer("sql", target.pid, input=asked)
    assert result.returncode == 0
    assert result.stdout.startswith("ONE\n  1\n")
    assert "root    INTEGER" in result.stdout
    assert result.stdout.endswith("THREE\n    3\n")


@pytest.mark.parametrize(
    ("query", "code", "part"),
    [
        ("SELECT * FROM references", 2, 'write "references" in double quotes'),
        ("SELEC 1", 2, "syntax error"),
        ("DELETE FROM objects", 2, "SQL: "),
        ("ATTACH 'x.db' AS x", 2, "ATTACH is refused"),
        ("SELECT zeroblob(99999999)", 10, "16 MiB"),
    ],
)
def test_what_goes_wrong_is_one_line(target, query, code, part):
    returned, line = error_line("sql", target.pid, query)
    assert returned == code
    assert part in line


def test_what_takes_too_long_is_ended(target):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
    code, line = error_line("sql", target.pid, endless, "--timeout", "0.2")
    assert code == 9
    assert "0.2 s" in line
    assert error_line("sql", target.pid, endless, "--timeout", "soon")[0] == 2


def test_no_file_is_made_or_read(target, tmp_path):
    for statement in (
        f"ATTACH '{tmp_path}/a.db' AS a",
        f"VACUUM INTO '{tmp_path}/b.db'",
        f"SELECT writefile('{tmp_path}/c', 'x')",
        f"CREATE TABLE t AS SELECT * FROM objects; VACUUM INTO '{tmp_path}/d.db'",
    ):
        error_line("sql", target.pid, statement)
    assert not list(tmp_path.iterdir())


# ---- the prompt ---------------------------------------------------------------------------------


class Prompt:
    """The program at a terminal."""

    def __init__(self, pid, state):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [PROGRAM, "sql", str(pid)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "XDG_STATE_HOME": str(state), "TERM": "dumb"},
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
        )
        os.close(slave)
        self.said = b""

    def until(self, text, keep=1 << 20):
        """Reads until it has said this; what it said before, the last of it."""
        wanted, deadline = text.encode(), time.monotonic() + LIMIT_SECONDS
        while wanted not in self.said:
            left = max(0, deadline - time.monotonic())
            assert select.select([self.master], [], [], left)[0], self.said[-2000:]
            self.said = self.said[-keep:] + os.read(self.master, 65536)
        before, _, self.said = self.said.partition(wanted)
        return before.decode()

    def type(self, text):
        os.write(self.master, text.encode() + b"\n")

    def ask(self, text, until="sql> "):
        self.type(text)
        return self.until(until)


@pytest.fixture
def prompt(target, tmp_path):
    prompt = Prompt(target.pid, tmp_path)
    prompt.until("sql> ")
    yield prompt
    if prompt.process.poll() is None:
        prompt.process.kill()
    prompt.process.wait()
    os.close(prompt.master)


def test_the_prompt_answers_and_goes_on_after_mistakes(prompt):
    assert "1 row" in prompt.ask("SELECT 40 + 2 AS answer;")
    assert "syntax error" in prompt.ask("SELEC;")
    assert "42" in prompt.ask("SELECT 40 +\n2;")
    assert "what `id()` gives" in prompt.ask(".schema objects")
    assert "biggest_types" in prompt.ask(".tables")
    assert "did you mean '.tables'" in prompt.ask(".table")
    prompt.type(".quit")
    assert prompt.process.wait(LIMIT_SECONDS) == 0


def test_ctrl_c_ends_the_query_and_not_the_program(prompt):
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;"
    prompt.ask(endless, until="\n")
    prompt.until("1234")
    prompt.process.send_signal(signal.SIGINT)
    prompt.until("interrupted", keep=20)
    prompt.until("sql> ")
    assert "42" in prompt.ask("SELECT 40 + 2;")


def test_ctrl_c_drops_what_was_typed(prompt):
    prompt.type("SELECT 1 +")
    prompt.until("...> ")
    os.write(prompt.master, b"\x03")  # the terminal makes a signal of it
    prompt.until("sql> ")
    assert "42" in prompt.ask("SELECT 40 + 2;")


def test_the_history_is_kept_for_this_user_alone(prompt, target, tmp_path):
    prompt.ask("SELECT 'remembered';")
    prompt.type(".quit")
    assert prompt.process.wait(LIMIT_SECONDS) == 0
    path = tmp_path / "memexplorer" / "sql_history"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert re.search(r"SELECT\\040'remembered';", path.read_text())
