"""The pytest plugin: each assertion fails the test that it has to fail, says why, and lets others
pass. no_leaks is in test_plugin_leaks.py."""

import re

import pytest
from plugin_runs import failure, is_the_pair, passed

pytest_plugins = ["pytester"]


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
