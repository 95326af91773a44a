"""An interpreter with a lock of its own is found, and explained as the first one is."""

from processes import TARGETS, Interpreter, check_refcounts, document, objects_of, running

INNERS = 1000


def test_an_interpreter_with_a_lock_of_its_own_is_found_and_explained(
    interpreter: Interpreter,
) -> None:
    with running(interpreter.path, TARGETS / "own_gil.py") as target:
        facts = target.facts
        found = objects_of(target.pid)
        inner = found[facts["inner"]]
        assert found[facts["main"]]["type"] == "__main__.Outer"
        assert inner["type"] == "__main__.Inner"
        assert sum(each["type"] == "__main__.Inner" for each in found.values()) == INNERS
        shown = document("show", target.pid, hex(facts["inner"]))
        assert shown["refcount"] == shown["found"] == 1
        assert {each["label"] for each in shown["references"]} >= {".number", ".items"}
        # A word that it left on its frame's stack may be told of as well: it is not counted.
        assert f"[{INNERS // 2}]" in [each["label"] for each in shown["referrers"]]
        check_refcounts(target.pid)
