"""The lessons: every count exact, on this CPython, seen from inside and from outside."""

import os
import re
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path

import memexplorer
import pytest
from memexplorer.lesson import read_steps

LESSONS = Path(memexplorer.__file__).parent / "lessons"
IMMORTALS = sys.version_info >= (3, 12)
BY_COUNT = "finalized: its reference count reached zero"
BY_COLLECTOR = "finalized: the cycle collector found it"


def run_command(command, **options):
    done = subprocess.run(command, capture_output=True, timeout=60, **options)
    out = re.sub("0x[0-9a-f]+", "ADDRESS", done.stdout.decode())
    return done.returncode, out.splitlines(), done.stderr.decode()


def run_lesson(name):
    status, lines, errors = run_command([sys.executable, "-m", "memexplorer.lesson", name])
    assert (status, errors) == (0, "")
    return lines


def run_file(folder, text):
    path = folder / "mine.py"
    path.write_text(text, encoding="utf-8")
    return run_command([sys.executable, str(path)])


def sections(lines):
    """The lines of each section, by its number."""
    found = {}
    current = found.setdefault("0", [])
    for line, under in zip(lines, lines[1:] + [""]):
        if under and set(under) == {"-"}:
            current = found.setdefault(line.split(".")[0], [])
        elif set(line) != {"-"}:
            current.append(line)
    return found


def facts(lines):
    """Statements, counts and what Doomed says, without the prose."""
    kept = (">>> ", "    count ", "Doomed(", "the ")
    return [line.strip() for line in lines if line.startswith(kept)]


# ---- refcounting --------------------------------------------------------------------------------


def test_a_string_literal_has_more_references_than_variables():
    lines = sections(run_lesson("refcounting"))["1"]
    counts = [line.strip() for line in lines if line.startswith("    count")]
    if IMMORTALS:
        assert counts == ["count none, immortal"] * 3
        assert any("There is nothing to count here" in line for line in lines)
    else:
        assert counts == ["count 2", "count 3", "count 1"]
        assert any("There are more references than variables" in line for line in lines)


def test_a_list_goes_one_two_one_zero():
    assert facts(sections(run_lesson("refcounting"))["2"]) == [
        '>>> v1 = ["spam", "eggs"]',
        ">>> watch(id(v1))",
        "count 1",
        ">>> v2 = v1",
        "count 2",
        '>>> v2 = "something else"',
        "count 1",
        ">>> v1 = None",
        "count 0, not alive",
    ]


DOOMED = [
    '>>> v1 = Doomed(name="v1")',
    "Doomed('v1') at ADDRESS created",
    ">>> watch(id(v1))",
    "count 1",
    ">>> v2 = v1",
    "count 2",
    ">>> v2 = None",
    "count 1",
    ">>> v1 = None",
    f"Doomed('v1') at ADDRESS {BY_COUNT}",
    "count 0, not alive",
    '>>> print("the next statement")',
    "the next statement",
    "count 0, not alive",
]


def test_the_finalizer_comes_before_the_next_statement():
    assert facts(sections(run_lesson("refcounting"))["3"]) == DOOMED


def test_without_the_collector_it_is_the_same_line_for_line():
    found = sections(run_lesson("refcounting"))
    with_it, without = found["3"], found["4"]
    while not with_it[-1]:  # the empty line above the next heading
        with_it.pop()
    assert facts(without)[0] == ">>> gc.disable()"
    assert facts(without)[1:] == DOOMED
    assert without[without.index(DOOMED[0]) :] == with_it[with_it.index(DOOMED[0]) :]


# ---- gcing --------------------------------------------------------------------------------------


def counts_of(a, b):
    def words(count):
        return str(count) if count else "0, not alive"

    return [f"count of a: {words(a)}", f"count of b: {words(b)}"]


CREATED = [
    '>>> a = Doomed(name="a")',
    "Doomed('a') at ADDRESS created",
    '>>> b = Doomed(name="b")',
    "Doomed('b') at ADDRESS created",
    ">>> watch(a=id(a), b=id(b))",
    *counts_of(1, 1),
    ">>> a.hold(b)",
    *counts_of(1, 2),
]
COLLECT = '>>> print("the collector found", gc.collect(), "objects")'


def test_a_cycle_waits_for_the_collector():
    assert facts(sections(run_lesson("gcing"))["1"]) == [
        ">>> gc.disable()",
        ">>> gc.collect()",
        *CREATED,
        ">>> b.hold(a)",
        *counts_of(2, 2),
        ">>> a = None",
        *counts_of(1, 2),
        ">>> b = None",
        *counts_of(1, 1),
        COLLECT,
        f"Doomed('a') at ADDRESS {BY_COLLECTOR}",
        f"Doomed('b') at ADDRESS {BY_COLLECTOR}",
        "the collector found 2 objects",
        *counts_of(0, 0),
    ]


def test_a_weak_reference_needs_no_collector():
    assert facts(sections(run_lesson("gcing"))["2"]) == [
        *CREATED,
        ">>> b.hold(weakref.ref(a))",
        *counts_of(1, 2),
        ">>> a = None",
        f"Doomed('a') at ADDRESS {BY_COUNT}",
        *counts_of(0, 1),
        ">>> b = None",
        f"Doomed('b') at ADDRESS {BY_COUNT}",
        *counts_of(0, 0),
        COLLECT,
        "the collector found 0 objects",
        *counts_of(0, 0),
    ]


# ---- running them -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["refcounting", "gcing"])
def test_run_as_a_file_it_says_the_same(name):
    status, lines, errors = run_command([sys.executable, str(LESSONS / (name + ".py"))])
    assert (status, errors) == (0, "")
    as_module = run_lesson(name)
    if name == "refcounting" and not IMMORTALS:
        # The parser of the file that python runs keeps its constants until the end.
        literal = [n for n, line in enumerate(lines) if line.startswith("    count")][:3]
        assert [lines[n] for n in literal] == ["    count 3", "    count 4", "    count 2"]
        for n in literal:
            lines[n] = as_module[n]
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        # In which order its collector finalizes a cycle, no two runs agree on.
        lines, as_module = sorted(lines), sorted(as_module)
    assert lines == as_module


@pytest.mark.parametrize("name", ["refcounting", "gcing"])
def test_it_names_the_python_that_runs(name):
    version = ".".join(map(str, sys.version_info[:3]))
    assert run_lesson(name)[0].endswith(f", on CPython {version}")


def test_usage_and_unknown_lessons():
    command = [sys.executable, "-m", "memexplorer.lesson"]
    status, _, errors = run_command(command)
    assert status == 2
    assert "gcing|refcounting" in errors
    status, _, errors = run_command([*command, "nothing"])
    assert status == 1
    assert "no lesson nothing" in errors


# ---- from outside -------------------------------------------------------------------------------


def run_outside(name, answer):
    """Run a lesson whose counts `answer(address)` gives; the questions, and how it ended.

    Without an answer the program outside goes away.
    """
    to_lesson_r, to_lesson_w = os.pipe()
    from_lesson_r, from_lesson_w = os.pipe()
    questions = []

    def outside():
        with os.fdopen(from_lesson_r) as asked, os.fdopen(to_lesson_w, "w") as told:
            for line in asked:
                questions.append(line)
                text = answer(int(line.split()[1], 16))
                if not text:
                    break
                told.write(text)
                told.flush()

    thread = threading.Thread(target=outside)
    thread.start()
    environment = dict(os.environ, MEMEXPLORER_OUTSIDE=f"{to_lesson_r},{from_lesson_w}")
    process = subprocess.Popen(
        [sys.executable, "-m", "memexplorer.lesson", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        pass_fds=(to_lesson_r, from_lesson_w),
    )
    os.close(to_lesson_r)
    os.close(from_lesson_w)
    out, errors = process.communicate(timeout=60)
    thread.join()
    return questions, process.returncode, out.decode().splitlines(), errors.decode()


def test_outside_is_asked_at_every_count_and_a_mismatch_fails():
    questions, status, lines, errors = run_outside("gcing", lambda address: "2 1 0\n")
    assert (status, errors) == (1, "")
    assert all(re.fullmatch(r"refs 0x[0-9a-f]+\n", question) for question in questions)
    counted = [line for line in lines if line.startswith("    count")]
    assert len(counted) == len(questions)
    for line in counted:
        assert line.endswith("2 (from outside: 2)" if ": 2 (" in line else "2) MISMATCH")
    assert lines[-1].endswith("MISMATCH")  # it went on to its end


@pytest.mark.parametrize("name", ["refcounting", "gcing"])
def test_the_same_answers_are_said_twice(name):
    inside = [line for line in run_lesson(name) if line.startswith("    count")]
    told = iter(inside)

    def answer(address):
        words = next(told).split(": ")[-1].replace("count ", "").strip()
        return {"none, immortal": "-1 1 1\n", "0, not alive": "0 0 0\n"}.get(
            words, words + " 1 0\n"
        )

    _, status, lines, errors = run_outside(name, answer)
    assert (status, errors) == (0, "")
    outside = [line for line in lines if line.startswith("    count")]
    assert [line.split(" (from outside: ")[0] for line in outside] == inside
    assert all(
        line.count(line.split(" (")[0].split(": ")[-1].split("count ")[-1]) >= 2 for line in outside
    )


def test_an_error_from_outside_ends_the_lesson():
    _, status, lines, errors = run_outside("refcounting", lambda address: "error no such process\n")
    assert (status, errors) == (1, "no such process\n")
    assert not [line for line in lines if line.startswith("    count")]


def test_an_outside_that_goes_away_ends_the_lesson():
    _, status, _, errors = run_outside("refcounting", lambda address: "")
    assert status == 1
    assert "stopped answering" in errors


PROGRAM = Path(
    os.environ.get("MEMEXPLORER")
    or Path(__file__).resolve().parent.parent.parent / "build" / "cli" / "memexplorer"
)


@pytest.mark.skipif(not PROGRAM.exists(), reason=f"{PROGRAM} is not built")
@pytest.mark.parametrize("name", ["refcounting", "gcing"])
def test_the_program_outside_counts_the_same(name):
    command = [str(PROGRAM), "lesson", name, "--outside", "--python", sys.executable]
    status, lines, errors = run_command(command)
    assert (status, errors) == (0, "")
    counted = [line for line in lines if line.startswith("    count")]
    assert len(counted) > 10
    for line in counted:
        inside, outside = re.fullmatch(
            r"    count (?:of \w+: )?(.*) \(from outside: (.*)\)", line
        ).groups()
        assert inside == outside


# ---- what a teacher may write -------------------------------------------------------------------

OWN = '''"""My lesson."""

from memexplorer.lesson import narrate, say, watch

def hidden():
    return 1

narrate()

# %% One
# Said in
# between.

# Another paragraph.
v1 = [
    1,
    2,
]  # over several lines
   # and explained in two
watch(id(v1))
for number in range(3):  # not this comment
    v2 = v1
say(f"seen {number}")
def function():
    return v1
holders = [v1, v1]; v3 = v1
# %% Two
v1 = None
'''


def test_a_lesson_of_ones_own(tmp_path):
    status, lines, errors = run_file(tmp_path, OWN)
    assert (status, errors) == (0, "")
    assert lines[1:] == [
        "",
        "One",
        "---",
        "",
        "Said in between.",
        "",
        "Another paragraph.",
        "",
        ">>> v1 = [",
        "...     1,",
        "...     2,",
        "... ]",
        "    over several lines and explained in two",
        "",
        ">>> watch(id(v1))",
        "    count 1",
        "",
        ">>> for number in range(3):  # not this comment",
        "...     v2 = v1",
        "    count 2",
        "",
        "seen 2",
        "",
        ">>> def function():",
        "...     return v1",
        "    count 2",
        "",
        ">>> holders = [v1, v1]; v3 = v1",
        "    count 5",
        "",
        "Two",
        "---",
        "",
        ">>> v1 = None",
    ]


def test_an_error_in_a_lesson_is_an_ordinary_traceback(tmp_path):
    status, lines, errors = run_file(
        tmp_path, "from memexplorer.lesson import narrate\nnarrate()\nprint(1)\n1 / 0\nprint(2)\n"
    )
    assert status == 1
    assert lines[-1] == ">>> 1 / 0"
    assert errors.endswith("ZeroDivisionError: division by zero\n")


def test_comments_belong_to_the_statement_they_are_behind():
    steps = read_steps('a = "# no comment"  # one\n# above\nb = 1\n')
    assert (steps[1].code, steps[1].did, steps[1].before) == ('a = "# no comment"', ["one"], [])
    assert (steps[3].code, steps[3].did, steps[3].before) == ("b = 1", [], ["above"])
