"""memexplorer.trace() and the command: names, counts, who else holds, collections, listing."""

import io
import subprocess
import sys
import types
from pathlib import Path

import memexplorer
import pytest
from trace_run import run_traced, skip_where_not_traced

pytestmark = skip_where_not_traced

HAS_ALL = sys.version_info >= (3, 13)


class Node:
    def __init__(self, child=None):
        self.child = child


def names_of(events, name):
    kinds = ("bind", "rebind", "unbind", "count")
    return [event for event in events if event["event"] in kinds and event["name"] == name]


def test_a_name_is_bound_rebound_and_deleted_with_counts():
    with memexplorer.trace(output=io.StringIO()) as seen:
        a = Node()
        b = a
        a = [a]
        del b, a
    kinds = [(event["event"], event.get("refs"), event.get("old_refs"))
             for event in names_of(seen.events, "a")]  # fmt: skip
    assert kinds[:2] == [("bind", [0, 1], None), ("count", [1, 2], None)]
    assert kinds[2][0] == "rebind" and kinds[2][2] == [2, 2]
    assert kinds[-1][0] == "unbind"
    assert [event["old_refs"] for event in names_of(seen.events, "b") if "old_refs" in event] == [
        [2, 0]
    ]


def test_other_names_attributes_and_items_that_hold_an_object_are_told():
    owner, items, table = Node(), [], {}
    with memexplorer.trace(output=io.StringIO()) as seen:
        a = Node()
        owner.child = a
        items.append(a)
        table["key"] = a
        b = a
    held = [event for event in names_of(seen.events, "b") if event["event"] == "bind"][0]["held_by"]
    where = " of test_other_names_attributes_and_items_that_hold_an_object_are_told()"
    assert sorted(held) == sorted(
        name + where for name in ("a", "owner.child", "items[0]", "table['key']")
    )
    del a, b


def test_counts_are_those_without_the_trace():
    def count(traced):
        a = Node()
        b = (a, a)
        return sys.getrefcount(a), b is not None

    plain = count(False)
    with memexplorer.trace(output=io.StringIO()):
        traced = count(True)
    assert plain == traced


def test_a_run_of_the_collector_says_why_and_what_it_found():
    import gc

    gc.collect()
    with memexplorer.trace(output=io.StringIO()) as seen:
        node = Node()
        node.child = node
        del node
        gc.collect()
    start = [event for event in seen.events if event["event"] == "collection-start"][-1]
    done = [event for event in seen.events if event["event"] == "collection"][-1]
    assert start["why"] == "asked" and start["line"] == done["line"]
    assert done["generation"] == 2 and done["collected"] >= 1 and done["seconds"] > 0


def test_a_collection_that_starts_by_itself_names_its_threshold(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("import gc\nnodes = [[] for _ in range(20000)]\n")
    _, events = run_traced(script, tmp_path)
    why = [event for event in events if event["event"] == "collection-start"][0]
    assert why["why"] == "threshold" and why["count"] > why["threshold"] > 0


def test_the_listing_has_the_source_and_below_it_what_changed():
    out = io.StringIO()
    with memexplorer.trace(output=out):
        node = Node()
        del node
    lines = out.getvalue().splitlines()
    at = [i for i, line in enumerate(lines) if line.endswith("|         node = Node()")][-1]
    assert lines[at + 1].strip().startswith("Node#") and lines[at + 1].endswith("born")
    assert "died: reference count reached zero" in out.getvalue()


def test_what_a_version_cannot_tell_is_said():
    out = io.StringIO()
    with memexplorer.trace(output=out, all=True) as seen:
        values = [1.5]
        values = None
    assert values is None
    last = names_of(seen.events, "values")[-1]["old_refs"]
    if seen.events[0]["deaths_of_all"]:
        assert last == [1, 0]
    elif HAS_ALL:  # of an early 3.13: some are told, and this may be one
        assert last in ([1, 0], [1, None])
    else:
        assert last == [1, None] and "not told" in out.getvalue()


@pytest.mark.skipif(not HAS_ALL, reason="PyRefTracer came with 3.13")
def test_all_types_are_told_of_with_all():
    with memexplorer.trace(output=io.StringIO(), all=True) as seen:
        values = [object(), {1}]
        values.clear()
    kinds = {event["object"]["type"] for event in seen.events if event["event"] == "birth"}
    assert {"list", "object", "set"} <= kinds


def test_a_second_trace_at_the_same_time_is_refused():
    second = memexplorer.trace()
    with memexplorer.trace(output=io.StringIO()), pytest.raises(
        RuntimeError, match="stop it first"
    ):
        second.__enter__()


def test_changes_beyond_the_limit_are_counted():
    with memexplorer.trace(output=io.StringIO(), limit=3) as seen:
        for i in range(50):
            node = i
    assert node == 49
    told = names_of(seen.events, "node")
    totals = [event for event in seen.events if event["event"] == "line" and event["hidden"]]
    assert 1 <= len(told) <= 3 and sum(event["hidden"] for event in totals) >= 90


def test_an_exception_goes_through():
    with pytest.raises(ZeroDivisionError), memexplorer.trace(output=io.StringIO()):
        1 / 0  # noqa: B018


def test_a_cell_of_a_notebook_is_traced(capsys):
    class Compiler:
        def cache(self, source):
            return "<cell 1>"

    class Shell:
        compile = Compiler()
        user_ns = {"__name__": "__main__"}

        def transform_cell(self, cell):
            return cell

        def register_magic_function(self, function, magic_kind, magic_name):
            assert (magic_kind, magic_name) == ("cell", "memtrace")
            self.magic = function

    shell = Shell()
    memexplorer.load_ipython_extension(shell)
    shell.magic("", "x = [1]\ny = x\n")
    assert "y = list#" in capsys.readouterr().out and shell.user_ns["y"] == [1]
    shell.magic("--wrong", "")
    assert "--wrong is no option" in capsys.readouterr().err


def test_of_threads_that_share_and_collect_at_once_nothing_is_lost(tmp_path):
    done, events = run_traced(Path(__file__).parent / "trace_threads.py", tmp_path)
    assert (done.returncode, done.stdout) == (0, b"True\n"), done.stderr[-2000:]
    for name, number in (("Node", 2400), ("Made", 1200)):
        of_class = [event for event in events if event.get("object", {}).get("type") == name]
        born = [event["object"]["id"] for event in of_class if event["event"] == "birth"]
        died = [event["object"]["id"] for event in of_class if event["event"] == "death"]
        assert len(born) == number and sorted(born) == sorted(died)


@pytest.mark.parametrize("module", ["test_gc", "test_finalization"])
def test_cpythons_own_tests_pass_under_trace(module, tmp_path):
    try:
        import test as own
    except ImportError:
        pytest.skip("this interpreter came without its tests")
    folder = Path(list(own.__path__)[0])
    if not isinstance(own, types.ModuleType) or not (folder / f"{module}.py").exists():
        pytest.skip("this interpreter came without its tests")
    plain = subprocess.run([sys.executable, "-m", f"test.{module}"], capture_output=True,
                           cwd=tmp_path)  # fmt: skip
    options = ["--root", str(folder), "-o", "listing", "-m"]
    traced, events = run_traced(f"test.{module}", tmp_path, options=options, cwd=tmp_path)
    assert traced.returncode == plain.returncode == 0, traced.stderr[-2000:]
    assert any(event["event"] == "resurrected" for event in events)
