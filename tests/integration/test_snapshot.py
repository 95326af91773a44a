"""A snapshot gives the answers that the process gave, has no values when it was made without them,
and is there as a whole or not at all."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from processes import (
    LIMIT_SECONDS,
    PROGRAM,
    TARGETS,
    Interpreter,
    Target,
    memexplorer,
    output,
    running,
)

# What differs each time that a process is looked at; all else has to be the same.
OWN = ("pause_ms", "walk_ms", "copied_bytes", "skipped_bytes", "capture")
SHOWN = 10  # objects in full, chosen at random, besides one of each of these kinds
KINDS = ("builtins.function", "builtins.type", "builtins.module", "builtins.dict", "builtins.str")
TABLES = ("objects", "references", "types", "roots", "blocks", "frames")
FORMS = ("objects", "report", "audit", "garbage", "cycles", "suspects", "dominators")


def capture(target: Target, path: Path, *options: str) -> Dict[str, Any]:
    return json.loads(output("capture", target.pid, "-o", path, *options, "--json"))


def comparable(text: str) -> Any:
    """A document, or its lines, without what is a matter of the moment."""
    if "\n{" in text.strip() and text.startswith("{"):
        return text.splitlines()
    document = json.loads(text)
    if isinstance(document, dict):
        document = {key: value for key, value in document.items() if key not in OWN}
        for key in ("rss_bytes", "uptime_seconds"):
            document.get("target", {}).pop(key, None)
    return document


def chosen(place: Any) -> List[str]:
    """Addresses of objects to look at in full."""
    records = [json.loads(line) for line in output("objects", place, "--json").splitlines()]
    first: Dict[str, str] = {}
    for record in records:
        first.setdefault(record["type"], record["address"])
    sample = random.Random(7).sample(records, SHOWN)
    return [first[kind] for kind in KINDS] + [record["address"] for record in sample]


def first_of(place: Any) -> str:
    """An object that holds others."""
    query = "SELECT address FROM objects WHERE type = 'builtins.module' ORDER BY retained DESC"
    return str(json.loads(output("sql", place, query + " LIMIT 1", "--json"))["address"])


def exported(place: Any, address: str, directory: Path) -> Dict[str, bytes]:
    """In every format, every table."""
    for form in ("csv", "jsonl"):
        output("export", place, "--format", form, "-o", directory)
    output("export", place, "--format", "heapsnapshot", "-o", directory / "heapsnapshot")
    output("export", place, "--format", "dot", "--object", address, "-o", directory / "dot")
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def assert_exports_are_the_same(path: Path, pid: int, directory: Path) -> None:
    files = []
    for place in (path, pid):
        folder = directory / f"exports-{len(files)}"
        folder.mkdir()
        files.append(exported(place, first_of(path), folder))
    assert len(files[0]) == 2 * len(TABLES) + 2
    assert [name for name in files[0] if files[0][name] != files[1][name]] == []


@pytest.fixture
def stopped(interpreter: Interpreter, tmp_path: Path) -> Iterator[Target]:
    """A process that stands still, with an object of every kind."""
    with running(interpreter.path, TARGETS / "everything.py", tmp_path / "facts") as target:
        os.kill(target.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WNOWAIT)
        yield target


@pytest.mark.one_of_a_kind
def test_every_command_answers_as_it_did_of_the_process(
    interpreter: Interpreter, stopped: Target, tmp_path: Path
) -> None:
    if interpreter.version[:2] not in ((3, 8), (3, 12), (3, 14)):
        pytest.skip("a file knows no versions, and this takes long")
    path, packed = tmp_path / "heap.mxs", tmp_path / "packed.mxs"
    saved = capture(stopped, path)
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.stat(path).st_size == saved["file_bytes"]
    assert saved["graph_bytes_per_object"] < 32
    for command in FORMS:
        assert comparable(output(command, path, "--json")) == comparable(
            output(command, stopped.pid, "--json")
        )
    addresses = chosen(path)
    for address in addresses:
        shown = comparable(output("show", path, address, "--json"))
        assert shown == comparable(output("show", stopped.pid, address, "--json"))
    refs = output("refs", path, *addresses, "0x10", "--json")
    assert refs == output("refs", stopped.pid, *addresses, "0x10", "--json")
    for graph in (("why", "builtins.module"), ("sql", "SELECT * FROM blocks LIMIT 99")):
        assert comparable(output(graph[0], path, *graph[1:], "--json")) == comparable(
            output(graph[0], stopped.pid, *graph[1:], "--json")
        )
    for command in (("dominators", first_of(path)), ("retained", first_of(path)),
                    ("free", first_of(path)), ("why", first_of(path))):  # fmt: skip
        assert comparable(output(command[0], path, command[1], "--json")) == comparable(
            output(command[0], stopped.pid, command[1], "--json")
        )
    changes = json.loads(output("diff", path, stopped.pid, "--json"))
    assert [changes[key]["objects"] for key in ("born", "died", "grew", "shrank")] == [0] * 4
    assert_exports_are_the_same(path, stopped.pid, tmp_path)
    smaller = capture(stopped, packed, "--compress")
    assert smaller["file_bytes"] < saved["file_bytes"]
    for command in ("objects", "garbage"):
        assert comparable(output(command, packed, "--json")) == comparable(
            output(command, path, "--json")
        )


# ---- values -------------------------------------------------------------------------------------

# Each secret stands in one place alone, and would be found in a file that has it.
SECRETS = """
import json, os, sys
import weakref


class Account:
    __slots__ = ("owner", "pin")


class Open:
    def __init__(self):
        self.attribute_name = "secretattr" + "value"
        self.__dict__["secret key: 77"] = 1  # no name of an attribute


def fail(text):
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


account = Account()
account.owner = "secretslot" + "value"
account.pin = 720575940379
kept = {
    "secretkey" + "value": 1,
    b"secretbytes" + b"key": 2,
    ("secrettuple" + "key", 1): 3,
    987654321012345: 4,
}
values = ["secretlist" + "item", ["secretdeep" + "item"], 2.718281828459045e77,
          bytearray(b"secretarray")]
wide = "secret\\u1234\\U0001f600" + "wide"
numbers = {123456789 ** 9, 31337313373133731}
error = fail("secretexception" + "text")
opened = Open()
namespace = type("Class", (), {"visible_name": "secretclass" + "value"})
print(json.dumps({"hidden": [
    "secretattrvalue", "secret key: 77", "secretslotvalue", "secretkeyvalue", "secretbyteskey",
    "secrettuplekey", "secretlistitem", "secretdeepitem", "secretarray", "secretexceptiontext",
    "secretclassvalue", "secretenvironment", "secretargument", "\\u1234\\U0001f600wide",
    "2.718281828459045", "987654321012345", "31337313373133731", "720575940379",
    str(123456789 ** 9)], "shown": ["attribute_name", "visible_name", "Account", "fail"]}))
sys.stdout.flush()
sys.stdin.read()
"""


def numbers_of(secret: str) -> List[bytes]:
    """The ways in which a file may have a number."""
    try:
        value = int(secret)
    except ValueError:
        return []
    plain = value.to_bytes(40, "little").rstrip(b"\0")
    zigzag = (2 * value).to_bytes(40, "little").rstrip(b"\0")
    return [plain, zigzag]


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuple[Target, Path]]:
    directory = tmp_path_factory.mktemp("hidden")
    program = directory / "program.py"
    program.write_text(SECRETS)
    with running(
        sys.executable, program, "secretargument", env={"VARIABLE": "secretenvironment"}
    ) as target:
        program.unlink()
        yield target, directory


def found_in(path: Path, secrets: List[str]) -> List[str]:
    content = path.read_bytes()
    return [
        secret
        for secret in secrets
        if secret.encode() in content or any(form in content for form in numbers_of(secret))
    ]


def questions_of_values(path: Path) -> List[List[Any]]:
    """Every other command, of the objects that had the values."""
    query = "SELECT address FROM objects WHERE type IN (%s)"
    kinds = "'__main__.Account', '__main__.Open', 'builtins.ValueError'"
    rows = output("sql", path, query % kinds, "--json").splitlines()
    addresses = [json.loads(row)["address"] for row in rows]
    assert len(addresses) == 3
    return [
        *(["show", path, address] for address in addresses),
        *(["why", path, address, "--paths", "3"] for address in addresses),
        *(["free", path, address] for address in addresses),
        *(["retained", path, address] for address in addresses),
        ["why", path, "builtins.str"],
        ["refs", path, *addresses],
        ["sql", path, "SELECT * FROM strings"],
        ["sql", path, "SELECT preview, kind FROM objects"],
        ["sql", path, 'SELECT label FROM "references"'],
        ["diff", path, path],
        *(["export", path, "--format", "jsonl", "--table", table] for table in TABLES),
        ["export", path, "--format", "heapsnapshot"],
        ["export", path, "--format", "dot", "--object", addresses[0]],
    ]


def test_a_redacted_file_has_none_of_the_values(secretive: Tuple[Target, Path]) -> None:
    target, directory = secretive
    whole, redacted = directory / "whole.mxs", directory / "redacted.mxs"
    capture(target, whole)
    facts = capture(target, redacted, "--redact")
    assert facts["redacted"] is True
    hidden = [secret for secret in target.facts["hidden"] if secret != "2.718281828459045"]
    assert found_in(whole, hidden) == hidden  # else this test would prove nothing
    assert found_in(redacted, target.facts["hidden"]) == []
    assert found_in(redacted, target.facts["shown"]) == target.facts["shown"]
    assert redacted.read_bytes().lower().count(b"secret") == 0
    for command in FORMS:
        assert output(command, redacted, "--json").lower().count("secret") == 0
    for asked in questions_of_values(redacted):
        assert output(*asked).lower().count("secret") == 0, asked
    assert json.loads(output("diff", whole, redacted, "--json"))["born"]["objects"] < 100
    objects = [json.loads(line) for line in output("objects", redacted, "--json").splitlines()]
    assert {o["preview"] for o in objects if o["type"] == "builtins.str"} == {"<str>"}
    assert {o["preview"] for o in objects if o["type"] == "builtins.int"} == {"<int>"}
    assert json.loads(output("report", redacted, "--json"))["target"]["cmdline"] == ""


def test_values_are_cut_where_it_is_asked_for(secretive: Tuple[Target, Path]) -> None:
    target, directory = secretive
    cut = directory / "cut.mxs"
    capture(target, cut, "--no-values-over", "6")
    previews = {
        json.loads(line)["preview"] for line in output("objects", cut, "--json").splitlines()
    }
    assert "'secret'..." in previews and "b'secret'..." in previews
    hidden = ["secretlistitem", "secretbyteskey", "secretexceptiontext"]
    assert found_in(cut, hidden) == []
    for asked in questions_of_values(cut):
        told = output(*asked)
        assert [secret for secret in hidden if secret in told] == [], asked
    output("suspects", cut)


# ---- writing ------------------------------------------------------------------------------------


def test_a_full_disk_leaves_nothing_behind(secretive: Tuple[Target, Path], tmp_path: Path) -> None:
    path = tmp_path / "heap.mxs"
    path.write_text("what was there")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = memexplorer("capture", secretive[0].pid, "-o", path, preexec_fn=limit)
    assert result.returncode == 12
    assert result.stderr.count("\n") == 1 and str(path) in result.stderr
    assert path.read_text() == "what was there"
    assert os.listdir(tmp_path) == ["heap.mxs"]


def test_a_kill_leaves_no_half_file(secretive: Tuple[Target, Path], tmp_path: Path) -> None:
    path = tmp_path / "heap.mxs"
    for delay in (0.02, 0.1, 0.2, 0.3):
        process = subprocess.Popen(
            [PROGRAM, "capture", str(secretive[0].pid), "-o", str(path)], stdout=subprocess.DEVNULL
        )
        time.sleep(delay)  # at some moment or other: each has to be good
        process.kill()
        process.wait(LIMIT_SECONDS)
        if path.exists():
            assert json.loads(output("report", path, "--json"))["objects"]
            path.unlink()
        assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "arguments, part",
    [
        (("capture", "{pid}"), "needs a file to write"),
        (("capture", "{pid}", "-o"), "-o needs a value"),
        (("capture", "{pid}", "-o", "{dir}"), "is no regular file"),
        (("capture", "{pid}", "-o", "{dir}/no/heap.mxs"), "No such file"),
        (("capture", "{file}", "-o", "{dir}/x"), "is a snapshot already"),
        (("report", "{file}", "--fork"), "--fork goes with a process"),
        (("report", "{file}", "--exe", "x"), "--exe goes with a core file"),
        (("show", "{file}", "0x10"), "no live object at 0x10"),
        (("report", "{cut}"), "was cut short"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    secretive: Tuple[Target, Path], arguments: Tuple[str, ...], part: str
) -> None:
    target, directory = secretive
    whole, cut = directory / "some.mxs", directory / "cut-short.mxs"
    if not whole.exists():
        capture(target, whole)
        cut.write_bytes(whole.read_bytes()[:-1000])
    names = {"pid": target.pid, "dir": directory, "file": whole, "cut": cut}
    result = memexplorer(*[argument.format(**names) for argument in arguments])
    assert result.returncode != 0
    assert part in result.stderr and result.stderr.count("\n") == 1
