"""max_retained, reports of failing tests, and the plugin among other plugins, and unused."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import memexplorer
import pytest
from plugin_runs import failure, passed

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(
    (3, 9) <= sys.version_info < (3, 13), reason="no version between makes a difference here"
)


def test_max_retained(results):
    found = results("""
        @pytest.mark.max_retained("1 MB")
        def test_left():
            HELD.append(bytes(2_000_000))

        @pytest.mark.max_retained("1 MiB")
        def test_gone(tmp_path):
            HELD.clear()
            held = bytes(2_000_000)

        def test_block(max_retained):
            with max_retained("1 MB"):
                held = [b"%01000d" % n for n in range(2000)]

        def test_block_that_holds_less(max_retained):
            with max_retained(1_000_000):
                held = [b"%01000d" % n for n in range(500)]

        def test_no_size(max_retained):
            max_retained("ten")
    """)
    text = failure(found["test_left"])
    assert re.match(r"(1\.9|2\.0) MiB more are held than before, and 1 MB may be\n", text)
    assert "-> HELD -> [" in text
    text = failure(found["test_block"])
    assert "MiB more are held than before, and 1 MB may be" in text
    assert re.search(r"\+\d\.\d MiB builtins.bytes, [\d,]+ objects, now [\d,]+", text)
    assert "'ten' is no size" in failure(found["test_no_size"])
    assert passed(found) == {"test_gone", "test_block_that_holds_less"}


# ---- reports ------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The text of a page, and what it would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.loads = "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        loading = [value for name, value in attributes if name in ("src", "srcset", "data")]
        self.loads += loading + (["link"] if tag in ("link", "script", "iframe") else [])

    def handle_data(self, data):
        self.text += data


FAILING = """
import pytest

class Node:
    pass

KEPT = []

def helper(node):
    inner = ["in the helper"] * 3
    raise LookupError("<b>of its own</b>")

@pytest.mark.parametrize("text", ["a/b", "<&>"])
def test_fails(text):
    node = Node()
    KEPT.append(node)
    helper(node)

@pytest.mark.no_new(types=Node)
def test_leaves():
    KEPT.append(Node())

def test_passes():
    pass

@pytest.mark.xfail
def test_expected():
    assert 0

@pytest.fixture
def broken():
    raise LookupError

def test_setup(broken):
    pass
"""


def test_reports_of_failing_tests(pytester: pytest.Pytester):
    pytester.makepyfile(FAILING)
    options = ["-p", "no:cacheprovider", "--memexplorer-report=memory/here", "-n2"]
    try:
        import xdist  # noqa: F401
    except ImportError:
        options.pop()
    done = pytester.runpytest_subprocess(*options)
    done.assert_outcomes(failed=3, passed=1, xfailed=1, errors=1)
    folder = pytester.path / "memory" / "here"
    names = sorted(path.name for path in folder.iterdir())
    stems = {name.rpartition(".")[0] for name in names}
    assert len(stems) == 4
    assert names == sorted(stem + end for stem in stems for end in (".html", ".mxs"))
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+-[0-9a-f]{8}(-setup)?", stem) for stem in stems)
    done.stdout.re_match_lines([r"kept .*memory/here/\S+\.html and .*memory/here/\S+\.mxs"])
    assert {os.stat(folder / name).st_mode & 0o777 for name in names} == {0o600}

    [file] = [name for name in names if "test_fails_a_b" in name and name.endswith(".html")]
    page = Page((folder / file).read_text(encoding="utf-8"))
    assert page.loads == []
    assert "LookupError: <b>of its own</b>" in page.text
    for name in ("test_fails[a/b]", "inner", "test_fails at test_", "helper at test_", "Node"):
        assert name in page.text
    assert re.search(r"module \w+ -> KEPT -> \[\d\]", page.text)  # who holds the local `node`
    assert "builtins.str" in page.text
    with memexplorer.open(folder / file.replace(".html", ".mxs")) as snapshot:
        assert any(row.type.endswith(".Node") for row in snapshot.types.select("type"))

    [file] = [name for name in names if "test_leaves" in name and name.endswith(".html")]
    assert "more than before" in Page((folder / file).read_text(encoding="utf-8")).text


def test_where_nothing_can_be_kept_the_failure_says_so(pytester: pytest.Pytester):
    pytester.makepyfile("def test_it(): assert 0")
    (pytester.path / "memory").write_text("a file")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--memexplorer-report=memory")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines("nothing was kept: *memory*")


# ---- among others -------------------------------------------------------------------------------


def test_with_asyncio(results):
    pytest.importorskip("pytest_asyncio")
    found = results("""
        import asyncio

        @pytest.mark.asyncio
        @pytest.mark.no_leaks(runs=3, warmups=2)
        async def test_leaks():
            await asyncio.sleep(0)
            HELD.append(Node())

        @pytest.mark.asyncio
        @pytest.mark.no_leaks(runs=3, warmups=2)
        async def test_leaks_nothing():
            await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))

        @pytest.mark.asyncio
        @pytest.mark.no_cycles(types=Node)
        async def test_cycles():
            await asyncio.sleep(0)
            pair()
    """)
    assert "+1 app.Node a run" in failure(found["test_leaks"])
    assert "2 objects left that only the cycle collector" in failure(found["test_cycles"])
    assert passed(found) == {"test_leaks_nothing"}


def test_unused_it_imports_and_captures_nothing(pytester: pytest.Pytester):
    pytester.makepyfile("""
        import sys

        def test_it():
            import memexplorer.pytest_plugin
            assert not [name for name in sys.modules if name.startswith("memexplorer.testing")]
    """)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=1)


def documented() -> str:
    """The example of docs/pytest.md."""
    text = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", text, re.S)
    return code


def test_the_examples_of_the_documentation(pytester: pytest.Pytester):
    pytester.makepyfile(test_app=documented())
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)
    leaking = documented().replace(
        '    del SESSIONS["ann"]\n', '    SESSIONS["bob"] = SESSIONS.pop("ann")\n'
    )
    pytester.makepyfile(test_app=leaking)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-k", "logging_out")
    done.assert_outcomes(failed=1)
    done.stdout.re_match_lines(
        [
            r"1 test_app.Session more than before \(0, now 1\)",
            r"    test_app.Session at 0x[0-9a-f]+, 1 reference",
            r"        module test_app -> SESSIONS -> \['bob'\]",
        ],
        consecutive=True,
    )


def test_without_pytest():
    code = """if True:
        from memexplorer.testing import assert_freed_at_once, assert_no_leaks
        HELD = []
        assert_freed_at_once(list)
        assert_no_leaks(lambda: None)
        try:
            assert_no_leaks(lambda: HELD.append([]), runs=3, warmups=1)
        except AssertionError as error:
            assert "+1 builtins.list a run" in str(error), error
        else:
            raise SystemExit("no leak was found")
        import sys
        assert "pytest" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
