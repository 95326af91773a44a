"""The command line: what it answers to good and bad questions, and in which form."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys

import pytest
from conftest import (
    PROGRAM,
    ROOT,
    document,
    documented_keys,
    error_line,
    keys_of,
    memexplorer,
    output,
)

COMMANDS = [
    "ps",
    "capture",
    "report",
    "objects",
    "show",
    "refs",
    "audit",
    "garbage",
    "cycles",
    "export",
    "suspects",
    "why",
    "dominators",
    "retained",
    "diff",
    "free",
    "lesson",
]
NO_SUCH_PID = 2**22 + 1  # over the kernel's limit


# ---- what it says of itself ---------------------------------------------------------------------


def test_without_arguments_it_says_what_it_can_do_and_three_commands_to_try():
    text = output()
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", text, re.MULTILINE)
    assert len(re.findall(r"^  memexplorer ", text, re.MULTILINE)) == 3


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_shows_an_example(command):
    text = output(command, "--help")
    assert text.startswith(f"Usage: memexplorer {command} ")
    assert re.search(rf"^Examples?:\n\n  \$ memexplorer {command}", text, re.MULTILINE)
    assert "--json" in text
    assert output("help", command) == text


def test_help_wins_over_missing_arguments():
    assert output("report", "-h") == output("report", "--help")


def test_version_is_that_of_the_header():
    header = (ROOT / "include" / "memexplorer.h").read_text()
    version = re.search(r'#define MX_VERSION "(.+)"', header).group(1)
    assert output("--version") == f"memexplorer {version}\n"


def test_every_option_and_command_stands_in_the_manual():
    manual = (ROOT / "docs" / "memexplorer.1").read_text().replace("\\-", "-")
    for command in COMMANDS:
        assert f"\n.B {command}" in manual
        for option in re.findall(r"--[a-z-]+", output(command, "--help")):
            assert option in manual


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reprot", "1"], "'report'"),
        (["object"], "'objects'"),
        (["xyzzy"], "'memexplorer --help'"),
        (["812"], "memexplorer report 812"),
        (["--verison"], "'--version'"),
        (["help", "shwo"], "'show'"),
        (["report"], "memexplorer report PID"),
        (["report", "abc"], "'abc' is not a process id"),
        (["report", "0"], "'0' is not a process id"),
        (["report", "-1"], "'-1'"),
        (["report", "99999999999999999999"], "is not a process id"),
        (["report", "1", "2"], "'2'"),
        (["report", "1", "--tpo", "3"], "'--top'"),
        (["report", "1", "--top"], "--top COUNT"),
        (["report", "1", "--top", "many"], "'many' is not a count"),
        (["report", "1", "--json=yes"], "--json"),
        (["ps", "-x"], "'-x'"),
        (["refs", "1"], "memexplorer refs PID ADDRESS"),
        (["refs", "1", "12x"], "'12x' is not an address"),
        (["refs", "1", "0x"], "'0x' is not an address"),
        (["refs", "1", "18446744073709551616"], "is not an address"),
        (["show", "1", "0x10", "0x20"], "'0x20'"),
        (["objects", "1", "--sort", "sise"], "'size'"),
        (["objects", "1", "--min-size", "1Q"], "'1Q' is not a size"),
        (["objects", "1", "--limit", "-5"], "'-5' is not a count"),
        (["objects", "1", "--csv", "--json"], "choose one"),
        (["export", "1"], "--format heapsnapshot -o FILE"),
        (["export", "1", "--format", "heapsnapshit"], "'heapsnapshot'"),
        (["export", "1", "--format"], "--format NAME"),
        (["export", "1", "--format", "csv", "--table", "object"], "'objects'"),
        (["export", "1", "--format", "dot"], "--object ADDRESS"),
        (["export", "1", "--format", "dot", "--object", "here"], "'here' is not an address"),
        (["export", "1", "--format", "dot", "--object", "0x10", "--table", "types"], "--table"),
        (["export", "1", "--format", "csv", "--object", "0x10"], "--object"),
        (["export", "1", "--format", "dot", "--object", "0x10", "--depth", "0"], "from 1 to"),
        (["export", "1", "--format", "csv", "--json"], "-o FILE"),
        (["export", "1", "--format", "csv", "-o"], "-o FILE"),
        (["lesson", "refcouting"], "'refcounting'"),
        (["ps", "x\ny"], "x\\x0ay"),
    ],
)
def test_a_bad_argument_is_one_line_with_the_remedy(arguments, said):
    code, line = error_line(*arguments)
    assert code == 2
    assert said in line


@pytest.mark.parametrize("command", [["report"], ["objects"], ["refs", "1"], ["show", "1"]])
def test_a_pid_that_does_not_exist_is_exit_code_4(command):
    code, line = error_line(command[0], NO_SUCH_PID, *command[1:])
    assert code == 4
    assert str(NO_SUCH_PID) in line


def test_a_process_that_is_not_python_is_exit_code_5():
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        code, line = error_line("report", process.pid)
        process.stdin.close()
    assert code == 5
    assert str(process.pid) in line


def test_showing_an_address_without_an_object_is_exit_code_1(target):
    code, line = error_line("show", target.pid, "0x10")
    assert code == 1
    assert "no live object at 0x10" in line


# ---- JSON ---------------------------------------------------------------------------------------


def test_ps_lists_the_process(target):
    (process,) = [process for process in document("ps") if process["pid"] == target.pid]
    assert list(process) == (
        "pid user python executable cmdline rss_bytes uptime_seconds problem".split()
    )
    assert process["python"] == ".".join(map(str, sys.version_info[:3]))
    assert process["problem"] is None
    assert process["rss_bytes"] > 1 << 20


def test_refs_counts_what_the_target_holds(target):
    facts = target.facts
    held, shared = document("refs", target.pid, facts["held"], hex(facts["shared"]))
    assert list(held) == "address alive refcount immortal type size preview".split()
    assert held["refcount"] == 1
    assert held["address"] == hex(facts["held"])
    assert shared == {
        "address": hex(facts["shared"]),
        "alive": True,
        "refcount": 3,
        "immortal": False,
        "type": "builtins.list",
        "size": facts["size_of_shared"],
        "preview": "['three references']",
    }


def test_refs_answers_every_address(target):
    addresses = [0, 1, 7, "007", 2**64 - 1, 2**63, target.facts["held"] + 8]
    objects = document("refs", target.pid, *addresses)
    assert [int(found["address"], 0) for found in objects] == list(map(int, addresses))
    for found in objects:
        assert (found["alive"], found["refcount"], found["type"]) == (False, 0, "")


def test_refs_of_none_is_immortal_from_312_on(target):
    (none,) = document("refs", target.pid, target.facts["none"])
    assert none["type"] == "builtins.NoneType"
    assert none["immortal"] == (sys.version_info >= (3, 12))
    assert (none["refcount"] is None) == none["immortal"]


def test_show_names_references_both_ways(target):
    session = document("show", target.pid, target.facts["session"])
    assert list(session) == (
        "address alive kind type refcount immortal found size tracked generation preview "
        "references referrers capture blind_spots".split()
    )
    assert session["type"] == "__main__.Session"
    assert session["refcount"] == session["found"] == 1
    assert session["tracked"] is True
    labels = {reference["label"]: reference for reference in session["references"]}
    assert labels[".items"]["address"] == hex(target.facts["items"])
    assert labels[".user"]["preview"] == "'user:0'"
    (referrer,) = session["referrers"]
    assert (referrer["label"], referrer["type"], referrer["root"]) == ("[0]", "builtins.list", None)
    items = document("show", target.pid, target.facts["items"])
    assert ".items" in [referrer["label"] for referrer in items["referrers"]]


def test_report_holds_the_contract(target):
    report = document("report", target.pid)
    assert {"pid", "python", "implementation", "cmdline", "rss_bytes"} <= set(report["target"])
    assert report["target"]["pid"] == target.pid
    types = {entry["type"]: entry for entry in report["types"]}
    assert types["__main__.Session"]["count"] == 200
    assert sum(entry["count"] for entry in report["types"]) == report["objects"]
    assert sum(entry["bytes"] for entry in report["types"]) == report["bytes"]
    sizes = [entry["bytes"] for entry in report["types"]]
    assert sizes == sorted(sizes, reverse=True)
    counts = dict(report["refcounts"])
    assert counts.pop("certain") <= counts["explained"]
    assert sum(counts.values()) == report["objects"]
    assert report["pause_ms"] > 0
    frames = [[frame["function"] for frame in thread["frames"]] for thread in report["threads"]]
    assert len(frames) == 2
    assert any(functions and functions[0] == "wait_here" for functions in frames)


def test_objects_prints_one_json_object_a_line(target):
    lines = output("objects", target.pid, "--json").splitlines()
    objects = [json.loads(line) for line in lines]
    for found in objects:
        assert list(found) == "address type refcount size tracked preview".split()
    addresses = [int(found["address"], 0) for found in objects]
    assert addresses == sorted(addresses)
    assert len(objects) == document("report", target.pid)["objects"]


def test_every_json_key_stands_in_the_documentation(target):
    keys = keys_of(
        [
            document("ps"),
            document("refs", target.pid, target.facts["held"]),
            document("show", target.pid, target.facts["held"]),
            document("report", target.pid),
            document("suspects", target.pid),
            document("why", target.pid, target.facts["held"]),
            document("why", target.pid, "dict"),
            document("dominators", target.pid),
            document("dominators", target.pid, "--by-type"),
            document("retained", target.pid, target.facts["held"]),
            document("diff", target.pid, target.pid),
            document("free", target.pid, target.facts["held"]),
            document("free", target.pid, target.facts["session"]),
            json.loads(output("objects", target.pid, "--json", "--limit", 1)),
            document("export", target.pid, "--format", "csv", "-o", "/dev/null"),
        ]
    )
    assert keys - documented_keys() == set()


# ---- choosing objects ---------------------------------------------------------------------------


def objects(target, *arguments):
    lines = output("objects", target.pid, "--json", *arguments).splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("name", ["Session", "__main__.Session", "__main__.*", "Sess*"])
def test_a_type_is_chosen_by_name_or_pattern(target, name):
    found = [o for o in objects(target, "--type", name) if o["type"] == "__main__.Session"]
    assert len(found) == 200


def test_a_minimal_size_takes_units(target):
    found = objects(target, "--min-size", "1M", "--type", "bytearray")
    assert [int(o["address"], 0) for o in found] == [target.facts["big"]]


def test_sorting_puts_the_biggest_first_and_limits_after_that(target):
    every = objects(target, "--sort", "size")
    sizes = [o["size"] for o in every]
    assert sizes == sorted(sizes, reverse=True)
    assert objects(target, "--sort", "size", "--limit", 20) == every[:20]


def test_sorting_by_refcount_puts_immortal_objects_last(target):
    counts = [o["refcount"] for o in objects(target, "--sort", "refcount")]
    mortal = [count for count in counts if count is not None]
    assert counts == sorted(mortal, reverse=True) + [None] * (len(counts) - len(mortal))


# ---- forms --------------------------------------------------------------------------------------


def test_csv_is_read_back_as_it_was(target):
    rows = list(csv.DictReader(io.StringIO(output("objects", target.pid, "--csv"), newline="")))
    expected = objects(target)
    assert [row["preview"] for row in rows] == [o["preview"] for o in expected]
    assert [row["address"] for row in rows] == [o["address"] for o in expected]
    assert {row["tracked"] for row in rows} == {"true", "false"}


def test_tables_are_aligned(target):
    lines = output("refs", target.pid, target.facts["held"], 0, target.facts["none"]).splitlines()
    heading, rows = lines[0], lines[1:]
    assert heading.split() == ["ADDRESS", "ALIVE", "REFCOUNT", "TYPE", "SIZE", "PREVIEW"]
    for line in rows:
        assert line == line.rstrip()
        row = line.ljust(len(heading))
        assert row[heading.index("ALIVE") :].startswith(("yes", "no "))
        assert row[heading.index("ALIVE") - 1] == row[heading.index("TYPE") - 1] == " "
    assert rows[0][heading.index("TYPE") :].startswith("builtins.list ")


def test_the_table_of_objects_is_cut_and_says_so(target):
    lines = output("objects", target.pid).splitlines()
    assert len(lines) == 102
    assert re.fullmatch(r"\.\.\. [\d,]+ more \(--limit 0 prints all\)", lines[-1])
    assert "matches" in output("objects", target.pid, "--type", "NoSuchType")


def test_show_cuts_long_lists_unless_all_is_asked_for(target):
    referrers = document("show", target.pid, target.facts["session"])["referrers"]
    lists = [one["address"] for one in referrers if one["type"] == "builtins.list"]
    [owner] = [one for one in lists if len(document("show", target.pid, one)["references"]) > 200]
    short = output("show", target.pid, owner)
    assert "... 151 more (--all)" in short  # of 200 items and the class
    assert "[199]" not in short
    assert "[199]" in output("show", target.pid, owner, "--all")


def test_the_report_has_every_section(target):
    text = output("report", target.pid, "--top", 500)
    for heading in ["Types by bytes", "Types by count", "Reference counts", "Cycle collector"]:
        assert f"\n{heading}" in text
    assert "__main__.Session" in text
    assert re.search(r"^    wait_here at <string>:\d+$", text, re.MULTILINE)
    assert "\033" not in text


def on_a_terminal(*arguments, **environment):
    """What the program writes to a terminal."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        stdout=its,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment},
    )
    os.close(its)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the terminal's other side is closed
            break
        written += piece
    os.close(ours)
    assert process.wait() == 0
    return written.decode()


def test_colour_is_for_terminals_and_no_color_is_honoured(target):
    assert "\033[1m" in on_a_terminal("report", target.pid)
    assert "\033" not in on_a_terminal("report", target.pid, NO_COLOR="1")
    assert "\033" not in on_a_terminal("report", target.pid, TERM="dumb")


# ---- how it is read -----------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--freeze", "--fork", "--no-pause"])
def test_how_it_was_read_is_said(target, option):
    mode = option[2:].replace("-", " ")
    torn = option == "--no-pause"
    capture = document("report", target.pid, option)["capture"]
    assert (capture["mode"], capture["consistent"]) == (mode, not torn)
    assert (capture["pause_ms"] == 0) == torn
    for command in [["audit"], ["show", target.facts["session"]]]:
        answer = document(command[0], target.pid, *command[1:], option)
        assert answer["capture"]["mode"] == mode
    for command in [["report"], ["audit"], ["objects"], ["show", target.facts["session"]]]:
        text = output(command[0], target.pid, *command[1:], option)
        assert ("the view may be torn" in text) == torn
    rows = memexplorer("objects", target.pid, "--csv", option)
    assert rows.returncode == 0
    assert ("the view may be torn" in rows.stderr) == torn


@pytest.mark.parametrize(
    "command",
    "report audit garbage cycles show why dominators retained free suspects".split(),
)
def test_every_answer_says_what_it_cannot_know(target, command):
    address = [target.facts["session"]] if command in ("show", "why", "retained", "free") else []
    spots = document(command, target.pid, *address)["blind_spots"]
    documented = set(documented_keys())
    assert len(spots) >= 16
    assert set(spots) <= documented
    assert spots["unreadable_bytes"] == 0
    assert spots["native_bytes"] > 0
    if command != "show":  # in text it warns on standard error, when something is missing
        text = output(command, target.pid, *address)
        assert "Not seen, or not for certain" in text
        assert "allocated by native code" in text


@pytest.mark.parametrize("command", ["report", "objects", "audit", "show"])
def test_ways_to_read_exclude_each_other(target, command, tmp_path):
    address = [target.facts["session"]] if command == "show" else []
    code, line = error_line(command, target.pid, *address, "--fork", "--no-pause")
    assert code == 2
    assert "--fork and --no-pause exclude each other" in line
    core = tmp_path / "core"
    core.write_bytes(b"")
    for option in ["--freeze", "--fork", "--no-pause"]:
        code, line = error_line(command, core, *address, option)
        assert code == 2
        assert f"{option} goes with a process" in line


def test_a_script_does_not_judge_a_torn_view(target):
    code, line = error_line("audit", target.pid, "--no-pause", "--fail-on", "deficit")
    assert code == 2
    assert "--no-pause" in line


# ---- where output goes --------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["", "--json", "--csv"])
def test_a_closed_pipe_ends_it_quietly(target, form):
    command = f"{PROGRAM} objects {target.pid} --limit 0 {form} | head -n 1"
    result = subprocess.run(command, shell=True, capture_output=True, check=True, timeout=60)
    assert result.stderr == b""
    assert result.stdout.count(b"\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["--version"], ["ps", "--help"], ["ps", "--json"], ["report"], ["objects"]]
)
def test_a_full_disk_is_one_line_and_exit_code_12(target, arguments):
    pid = [target.pid] if arguments[-1:] in (["report"], ["objects"]) else []
    with open("/dev/full", "w") as full:
        code, line = error_line(*arguments, *pid, stdout=full)
    assert code == 12
    assert "No space left on device" in line


def test_a_closed_standard_output_is_an_error():
    result = subprocess.run([f"exec {PROGRAM} --version >&-"], shell=True, capture_output=True)
    assert result.returncode == 12


# ---- commands of the package --------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [["trace", "x.py"], ["run", "--", "x"], ["capture", "1", "--from-inside", "-o", "x.mxs"]],
    ids=lambda words: words[0],
)
def test_what_is_python_needs_the_package_and_says_where_it_looked(arguments):
    environment = {**os.environ, "MEMEXPLORER_PYTHON": "/nowhere/python"}
    done = subprocess.run([PROGRAM, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode != 0
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "/nowhere/python" in done.stderr


def test_the_words_of_such_a_command_are_given_to_the_package(tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncase "$1" in -c) exit 0;; esac\necho "$@"; exit 7\n')
    python.chmod(0o755)
    environment = {**os.environ, "MEMEXPLORER_PYTHON": str(python)}
    words = ["run", "--on-memory-error", "a b", "--", "x", "--json", "-h"]
    done = subprocess.run([PROGRAM, *words], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (7, "")
    assert done.stdout == "-m memexplorer run --on-memory-error a b -- x --json -h\n"
