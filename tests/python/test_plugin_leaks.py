"""no_leaks: what grows from run to run is named, of Python code and of an extension's."""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from plugin_runs import failure, passed

pytest_plugins = ["pytester"]


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
