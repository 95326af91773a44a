"""The pytest plugin: each assertion fails the test that it has to fail, says why, and lets others
pass."""

import json
import re
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Set

import pytest

pytest_plugins = ["pytester"]

NODES = """
import gc
import pytest

class Node:
    def __init__(self):
        self.child = self.parent = None

def pair():
    one, other = Node(), Node()
    one.child, other.parent = other, one
    return one

HELD = []
TEXTS = []
leaks = pytest.mark.no_leaks(runs=3, warmups=1)
"""


# In the folder of the tests: notes what became of each. pytester's own recorder keeps all hook
# calls.
NOTES = """
import json

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        facts = {"name": report.nodeid.partition("::")[2], "outcome": report.outcome}
        facts.update(when=report.when, text=report.longreprtext)
        facts["xfail"] = getattr(report, "wasxfail", None)
        with open("notes", "a") as notes:
            notes.write(json.dumps(facts) + "\\n")
"""


class Note(NamedTuple):
    """What became of a test."""

    name: str
    outcome: str
    when: str
    text: str
    xfail: Optional[str]


Notes = Dict[str, Note]


@pytest.fixture
def results(pytester: pytest.Pytester):
    """Runs a module of tests in a pytest of its own."""

    def run(code: str, *options: str) -> Notes:
        code = "from app import *\n" + textwrap.dedent(code)
        pytester.makepyfile(app=NODES, test_it=code, conftest=NOTES)
        plugins = ("no:cacheprovider", "no:asyncio") if "asyncio" not in code else ()
        off = [word for plugin in plugins for word in ("-p", plugin)]
        done = pytester.runpytest_subprocess(*off, *options, "test_it.py")
        assert done.ret in (0, 1), done.outlines
        lines = (pytester.path / "notes").read_text().splitlines()
        return {note.name: note for note in (Note(**json.loads(line)) for line in lines)}

    return run


def passed(found: Notes) -> Set[str]:
    return {note.name for note in found.values() if note.outcome == "passed"}


def is_the_pair(text: str) -> bool:
    """Does it name the attributes that close the cycle of pair()?"""
    shapes = (
        "app.Node.child -> app.Node.parent -> app.Node",
        "app.Node.parent -> app.Node.child -> app.Node",
    )
    return any(shape in text for shape in shapes)


def failure(note: Note) -> str:
    assert note.outcome == "failed"
    assert note.when == "call"
    return note.text


# ---- assert_freed_at_once -----------------------------------------------------------------------


def test_what_reference_counting_frees_passes(results):
    found = results("""
        class Bare:
            __slots__ = ()

        class Dies:
            died = 0
            def __del__(self):
                Dies.died += 1

        @pytest.mark.parametrize("made", [Node, Bare, Dies, list, dict, object, bytearray,
                                          lambda: [Node()], lambda: "x" * len(gc.get_objects()),
                                          lambda: (n for n in range(3))])
        def test_one(assert_freed_at_once, made):
            assert_freed_at_once(made)

        def test_its_finalizer_has_run(assert_freed_at_once):
            Dies.died = 0
            assert_freed_at_once(Dies)
            assert Dies.died == 1

        def test_what_is_in_it_may_be_held_by_others(assert_freed_at_once):
            def made():
                HELD.append(Node())
                return [HELD[-1]]
            assert_freed_at_once(made)

        def test_the_collector_is_as_before(assert_freed_at_once):
            assert_freed_at_once(Node)
            assert gc.isenabled()
            gc.disable()
            assert_freed_at_once(Node)
            assert not gc.isenabled()
            gc.enable()
    """)
    assert passed(found) == set(found)


def test_what_waits_for_the_collector_fails(results):
    found = results("""
        def test_on_a_cycle(assert_freed_at_once):
            assert_freed_at_once(pair)

        def test_cycle_inside(assert_freed_at_once):
            assert_freed_at_once(lambda: (pair(), Node()))

        def test_held(assert_freed_at_once):
            def made():
                HELD.append(Node())
                return HELD[-1]
            assert_freed_at_once(made)

        def test_none(assert_freed_at_once):
            assert_freed_at_once(lambda: None)

        def test_raises(assert_freed_at_once):
            def made():
                raise LookupError("of its own")
            try:
                assert_freed_at_once(made)
            finally:
                assert gc.isenabled()
    """)
    assert "app.Node at 0x" in failure(found["test_on_a_cycle"])
    assert "only the cycle collector frees it" in failure(found["test_on_a_cycle"])
    assert is_the_pair(failure(found["test_on_a_cycle"]))
    assert "builtins.tuple at 0x" in failure(found["test_cycle_inside"])
    assert "was freed at once, but not what was in it" in failure(found["test_cycle_inside"])
    assert is_the_pair(failure(found["test_cycle_inside"]))
    assert "1 reference to it is left" in failure(found["test_held"])
    assert "-> HELD -> [0]" in failure(found["test_held"])
    assert "returned None" in failure(found["test_none"])
    assert "LookupError: of its own" in failure(found["test_raises"])


# ---- no_new -------------------------------------------------------------------------------------


def test_no_new_fails_when_more_are_left_and_passes_else(results):
    found = results("""
        class Kid(Node):
            pass

        @pytest.fixture(scope="module")
        def shared():
            return [Node()]

        @pytest.fixture
        def own():
            return [Node()]

        class Bare:  # the collector does not know its instances
            __slots__ = ()

        @pytest.mark.no_new(types=Node)
        def test_left():
            HELD.append(Node())

        @pytest.mark.no_new(types=Bare)
        def test_left_untracked():
            TEXTS.append(Bare())
            Bare()

        @pytest.mark.no_new(types=Node)
        def test_left_of_a_subclass():
            HELD.append(Kid())

        @pytest.mark.no_new(types=Kid)
        def test_others_do_not_count():
            HELD.append(Node())

        @pytest.mark.no_new(types=Node)
        def test_gone(shared, own):
            own.append(Node())
            pair()

        @pytest.mark.no_new(types=Node)
        def test_left_in_a_wider_fixture(shared, own):
            shared.append(Node())

        def test_block(no_new):
            with no_new(Node):
                kept = Node()

        def test_block_without(no_new):
            with no_new(Node, Kid):
                Node()

        def test_block_that_raises(no_new):
            with no_new(Node):
                kept = Node()
                raise LookupError("of its own")

        @pytest.mark.no_new(types=Node)
        def test_fails_itself():
            HELD.append(Node())
            assert HELD == []

        class TestMethod:
            @pytest.mark.no_new(types=Node)
            def test_gone(self, tmp_path):
                self.node = Node()
    """)
    text = failure(found["test_left"])
    assert "1 app.Node more than before (0, now 1)" in text
    assert re.search(
        r"\n {4}app.Node at 0x[0-9a-f]+, 1 reference\n {8}module \w+ -> HELD -> \[0\]", text
    )
    text = failure(found["test_left_untracked"])
    assert "1 test_it.Bare more than before (0, now 1)" in text
    assert "-> TEXTS -> [0]" in text
    assert "1 app.Node more than before" in failure(found["test_left_of_a_subclass"])
    assert "1 app.Node more than before" in failure(found["test_left_in_a_wider_fixture"])
    assert "1 app.Node more than before" in failure(found["test_block"])
    assert re.search(
        r"thread \d+ frame test_block at test_it.py:\d+ -> local kept", failure(found["test_block"])
    )
    assert "LookupError: of its own" in failure(found["test_block_that_raises"])
    assert "assert [" in failure(found["test_fails_itself"])
    assert "more than before" not in failure(found["test_fails_itself"])
    assert passed(found) == {
        "test_others_do_not_count",
        "test_gone",
        "test_block_without",
        "TestMethod::test_gone",
    }


def test_a_class_alone_as_argument_is_refused(pytester: pytest.Pytester):
    pytester.makepyfile("""
        import pytest

        class Session:
            def __init__(self, *anything):
                pass

        @pytest.mark.no_new(Session)
        def test_it():
            pass
    """)
    done = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines("*test_it: pytest.mark.no_new(Session)*no_new(types=Session)*")


# ---- no_cycles ----------------------------------------------------------------------------------


def test_no_cycles_fails_on_garbage_and_passes_else(results):
    found = results("""
        import unittest

        @pytest.mark.no_cycles
        def test_marker():
            pair()

        def test_fixture(no_cycles):
            pair()

        def test_block(no_cycles):
            with no_cycles():
                pair()

        @pytest.mark.no_cycles(types=Node)
        def test_of_a_type():
            pair()

        @pytest.mark.no_cycles(types=(bytes, int))
        def test_of_other_types():
            pair()

        @pytest.mark.no_cycles
        def test_held_cycles_are_none():
            HELD.append(pair())

        @pytest.mark.no_cycles
        def test_older_garbage_is_not_its_own():
            pass

        @pytest.mark.no_cycles
        def test_its_own_frame_is_let_go():
            with pytest.raises(LookupError) as caught:
                raise LookupError
            assert caught.value is not None

        @pytest.mark.no_cycles
        def test_but_not_what_hangs_on_it():
            node = pair()
            with pytest.raises(LookupError) as caught:
                raise LookupError

        @pytest.mark.no_cycles
        def test_collects_itself():
            pair()
            gc.collect()

        @pytest.mark.no_cycles
        def test_fails_itself():
            pair()
            assert HELD == ()

        class TestCase(unittest.TestCase):
            @pytest.mark.no_cycles
            def test_method(self):
                pair()

            @pytest.mark.no_cycles
            def test_without(self):
                self.node = Node()
                with self.assertRaises(LookupError):
                    raise LookupError
    """)
    for name in ("test_marker", "test_fixture", "test_of_a_type", "TestCase::test_method"):
        assert "objects left that only the cycle collector frees: 2 app.Node" in failure(
            found[name]
        )
        assert is_the_pair(failure(found[name]))
    assert is_the_pair(failure(found["test_block"]))
    assert "2 app.Node" in failure(found["test_but_not_what_hangs_on_it"])
    assert "a collection inside found" in failure(found["test_collects_itself"])
    assert "only the cycle collector" not in failure(found["test_fails_itself"])
    assert passed(found) == {
        "test_of_other_types",
        "test_held_cycles_are_none",
        "test_older_garbage_is_not_its_own",
        "test_its_own_frame_is_let_go",
        "TestCase::test_without",
    }


# ---- no_leaks -----------------------------------------------------------------------------------


def test_no_leaks_names_what_grows(results):
    found = results("""
        import functools
        import unittest

        @functools.lru_cache(maxsize=None)
        def remember(key):
            return 1

        @pytest.fixture
        def leaky():
            yield
            HELD.append(Node())

        @pytest.mark.no_leaks
        def test_objects():
            HELD.append(Node())

        @leaks
        def test_texts():
            TEXTS.append("text " * 20 + str(len(TEXTS)))

        def test_fixture(no_leaks):
            remember(Node())
            remember(Node())

        @leaks
        def test_references():
            HELD.append(pair)

        @leaks
        def test_in_its_fixture(leaky):
            pass

        class TestCase(unittest.TestCase):
            @leaks
            def test_method(self):
                HELD.append(Node())
    """)
    text = failure(found["test_objects"])
    assert "something more is left each time it runs (3 + 4 runs):\n    +1 app.Node a run" in text
    assert re.search(
        r"app.Node at 0x[0-9a-f]+, 1 reference\n {8}module \w+ -> HELD -> \[\d+\]", text
    )
    text = failure(found["test_texts"])
    assert "+1 builtins.str a run" in text
    assert "-> TEXTS -> [...]" in text
    assert "+2 app.Node a run" in failure(found["test_fixture"])
    if sysconfig.get_config_var("Py_GIL_DISABLED"):  # counts of functions are deferred
        assert found["test_references"].outcome == "passed"
    else:
        text = failure(found["test_references"])
        assert "+1 reference to builtins.function pair a run" in text
    assert "+1 app.Node a run" in failure(found["test_in_its_fixture"])
    assert "+1 app.Node a run" in failure(found["TestCase::test_method"])


def test_no_leaks_passes_where_nothing_stays(results):
    found = results("""
        import functools
        import logging
        import re
        import unittest
        import warnings
        from collections.abc import Sized

        RUNS = []

        @functools.lru_cache(maxsize=None)
        def remember(key):
            return 1

        class Counted:
            made = 0

        @pytest.fixture(scope="module")
        def shared():
            RUNS.append("shared")
            yield []
            RUNS.append("gone")

        @pytest.fixture
        def own(shared, tmp_path, capsys, caplog, monkeypatch, request):
            Counted.made += 1
            monkeypatch.setattr(Counted, "patched", 1, raising=False)
            yield Node()
            (tmp_path / "file").write_text("x")

        @leaks
        def test_fixtures(own, request, record_property):
            print("something on standard output")
            logging.getLogger("x").warning("something")
            warnings.warn("something")
            record_property("made", Counted.made)
            request.node.user_properties.append(("a", [1]))

        def test_was_run_again():
            assert Counted.made == 5
            assert RUNS == ["shared"]

        @leaks
        def test_caches_of_the_library(tmp_path):
            class Local:
                def __len__(self):
                    return 0
            re.compile("a" * Counted.made + str(tmp_path))
            Counted.made += 1
            assert isinstance(Local(), Sized)

        @leaks
        def test_garbage():
            pair()

        @pytest.mark.no_leaks(clear=remember.cache_clear)
        def test_a_cache_that_is_cleared():
            remember(Node())

        @leaks
        @pytest.mark.parametrize("number", [1, 2])
        def test_parameters(number):
            TEXTS[:] = [str(n) * 100 for n in range(number)]

        @pytest.mark.no_leaks(runs=3, warmups=6)
        def test_a_cache_that_fills():
            if len(HELD) < 5:
                HELD.append(Node())

        @leaks
        def test_skipped():
            pytest.skip("not here")

        @leaks
        def test_exceptions():
            with pytest.raises(LookupError) as caught:
                raise LookupError
            assert caught.value.args == ()

        class TestMethods:
            @leaks
            def test_self(self, own):
                assert not hasattr(self, "node")
                self.node = own

        class TestCase(unittest.TestCase):
            def setUp(self):
                self.nodes = [Node()]
            @leaks
            def test_self(self):
                assert len(self.nodes) == 1
                self.nodes.append(Node())
            @leaks
            def test_subtests(self):
                for n in range(3):
                    with self.subTest(n=n):
                        assert n < 3
    """)
    assert found.pop("test_skipped").outcome == "skipped"
    assert passed(found) == set(found)


def test_a_failure_of_its_own_ends_the_runs(results):
    found = results("""
        RUNS = []

        @leaks
        def test_third_run():
            RUNS.append(Node())
            number = len(RUNS)
            assert number < 3

        @leaks
        @pytest.mark.xfail(reason="leaks")
        def test_expected():
            HELD.append(Node())

        @leaks
        @pytest.mark.xfail(strict=True)
        def test_expected_in_vain():
            pass

        def test_how_often():
            assert len(RUNS) == 3
    """)
    assert "assert 3 < 3" in failure(found["test_third_run"])
    assert (found["test_expected"].outcome, found["test_expected"].xfail) == ("skipped", "leaks")
    assert "XPASS(strict)" in failure(found["test_expected_in_vain"])
    assert found["test_how_often"].outcome == "passed"


def test_wrong_arguments_are_refused(pytester: pytest.Pytester):
    pytester.makepyfile("""
        import pytest

        @pytest.mark.no_leaks(runs=1)
        def test_it():
            pass
    """)
    done = pytester.runpytest_subprocess()
    done.stderr.fnmatch_lines("*no_leaks: runs=1, warmups=3: 3 and 0 are the least*")
    assert done.ret == pytest.ExitCode.USAGE_ERROR


# ---- for authors of extensions ------------------------------------------------------------------


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the extension with deliberate bugs that the audit is tested with, too."""
    folder = tmp_path_factory.mktemp("leaky")
    library = folder / ("leaky" + sysconfig.get_config_var("EXT_SUFFIX"))
    source = Path(__file__).parents[1] / "integration" / "targets" / "leaky.c"
    include = Path(sysconfig.get_paths()["include"])
    if not (include / "Python.h").exists():
        pytest.skip("this Python has no headers")
    folders = [f"-I{include}", f"-I{include.parent}"]  # Debian's say where the rest is from there
    subprocess.run(["cc", "-shared", "-fPIC", *folders, "-o", library, source], check=True)
    return folder


@pytest.mark.skipif(sysconfig.get_config_var("Py_GIL_DISABLED") == 1, reason="counts are elsewhere")
def test_no_leaks_finds_references_that_an_extension_loses(results, extension, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(extension))
    found = results("""
        import leaky

        OBJECT = Node()

        @leaks
        def test_of_a_type():
            leaky.leak(Node)

        @leaks
        def test_of_a_singleton():
            leaky.leak(None)

        @leaks
        def test_of_an_int():
            leaky.leak(201)  # one that nobody else uses

        @leaks
        def test_of_a_static_type():
            leaky.leak(dict)

        @leaks
        def test_of_an_object():
            leaky.leak(OBJECT)

        @leaks
        def test_of_memory():
            leaky.lose_small(OBJECT)

        @leaks
        def test_of_bytes():
            leaky.leak(bytes([108, 111, 115, 116]) * 50)  # no constant

        @leaks
        def test_without():
            leaky.wrap(Node())
    """)
    text = failure(found.pop("test_of_a_type"))
    assert "+1 reference to the type app.Node a run" in text
    assert "native code holds the rest, or has lost it" in text
    assert "+1 reference to app.Node at 0x" in failure(found.pop("test_of_an_object"))
    assert "+1 reference to app.Node at 0x" in failure(found.pop("test_of_memory"))
    text = failure(found.pop("test_of_bytes"))
    assert "+1 builtins.bytes a run" in text
    assert "nothing refers to them: native code has lost its references" in text
    # From 3.12 on these are immortal: they have no counts that could be lost.
    for name, what in {
        "test_of_a_singleton": "None",
        "test_of_an_int": "the int 201",
        "test_of_a_static_type": "the type builtins.dict",
    }.items():
        if sys.version_info < (3, 12):
            assert f"+1 reference to {what} a run" in failure(found.pop(name))
        else:
            assert found.pop(name).outcome == "passed"
    assert passed(found) == {"test_without"}
