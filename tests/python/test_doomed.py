"""Doomed: it tells when it comes, when it goes, and why."""

import ast
import gc
import inspect
import io
import os
import re
import subprocess
import sys
import sysconfig
import textwrap
import weakref
from pathlib import Path

import memexplorer
import pytest
from memexplorer import Doomed, _memexplorer, memutil

BY_COUNT = "finalized: its reference count reached zero"
BY_COLLECTOR = "finalized: the cycle collector found it"


@pytest.fixture(autouse=True)
def quiet_collector():
    """The collector runs when a test calls it, and finds what that test made."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.collect()


def run(code):
    """What a fresh interpreter prints: status, stdout with ADDRESS for addresses, stderr."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    return done.returncode, re.sub("0x[0-9a-f]+", "ADDRESS", done.stdout).splitlines(), done.stderr


# ---- what it says -------------------------------------------------------------------------------


def test_says_when_it_comes_and_when_it_goes(capsys):
    v1 = Doomed(name="v1")
    who = f"Doomed('v1') at {id(v1):#x}"
    assert capsys.readouterr().out == f"{who} created\n"
    v1 = None
    assert capsys.readouterr().out == f"{who} {BY_COUNT}\n"


def test_without_a_name():
    said = []
    v1 = Doomed(callback=said.append)
    who = f"Doomed() at {id(v1):#x}"
    del v1
    assert said == [f"{who} created", f"{who} {BY_COUNT}"]


def test_names_are_quoted_as_python_does():
    said = []
    Doomed(name="it's\n☃", callback=said.append)
    assert said[0].startswith('Doomed("it\'s\\n☃") at 0x')


def test_a_cycle_is_found_by_the_collector():
    said = []
    say = said.append  # kept: else the collector would find it, too
    a = Doomed(name="a", callback=say)
    b = Doomed(a, name="b", callback=say)
    a.hold(b)
    addresses = id(a), id(b)
    del a, b, said[:]
    counts = [memutil.refs(address) for address in addresses]
    assert counts == [1, 1]
    assert said == []
    assert gc.collect() == 2
    assert sorted(said) == [
        f"Doomed('a') at {addresses[0]:#x} {BY_COLLECTOR}",
        f"Doomed('b') at {addresses[1]:#x} {BY_COLLECTOR}",
    ]


def test_a_cycle_of_one():
    said = []
    say = said.append  # kept: else the collector would find it, too
    a = Doomed(callback=say)
    a.hold(a)
    del a, said[:]
    assert gc.collect() == 1
    assert said[0].endswith(BY_COLLECTOR)


def test_what_hangs_on_a_cycle_is_found_by_the_collector_too():
    said = []
    cycle = []
    cycle.append(cycle)
    cycle.append(Doomed(name="hanging", callback=said.append))
    del cycle, said[:]
    gc.collect()
    assert [text.endswith(BY_COLLECTOR) for text in said] == [True]


def test_a_cycle_broken_by_hand_needs_no_collector():
    said = []
    a = Doomed(name="a", callback=said.append)
    b = Doomed(a, name="b", callback=said.append)
    a.hold(b)
    b.release()
    del a, b
    assert [text.endswith(BY_COUNT) for text in said] == [False, False, True, True]


def test_goes_by_count_while_the_collector_runs_for_others():
    said = []
    alone = Doomed(name="alone", callback=said.append)

    class Breaks:
        def __del__(self):
            nonlocal alone
            alone = None

    breaks = Breaks()
    breaks.itself = breaks
    del breaks
    gc.collect()
    assert said[-1].endswith(BY_COUNT)


def test_an_object_that_survived_a_collection_still_tells_the_truth():
    said = []
    v1 = Doomed(callback=said.append)
    gc.collect()
    gc.collect()
    del v1
    assert said[-1].endswith(BY_COUNT)


def test_what_it_holds_goes_after_it():
    said = []
    outer = Doomed(Doomed(name="inner", callback=said.append), name="outer", callback=said.append)
    del outer
    assert [text.split("(")[1].split(")")[0] for text in said] == [
        "'inner'",
        "'outer'",
        "'outer'",
        "'inner'",
    ]


# ---- holding ------------------------------------------------------------------------------------


def test_holds_references_that_count():
    thing = []
    address = id(thing)
    holder = Doomed(thing, thing, callback=str)
    three = memutil.refs(address)
    holder.hold(thing, 5)
    four = memutil.refs(address)
    held = holder.held
    assert [type(one) for one in held] == [list, list, list, int]
    assert held is not holder.held
    del held
    holder.release()
    assert holder.held == ()
    one = memutil.refs(address)
    assert (three, four, one) == (3, 4, 1)


def test_release_lets_what_is_let_go_look_at_it():
    class Looks:
        def __del__(self):
            seen.append(holder.held)
            holder.hold("new")

    seen = []
    holder = Doomed(Looks(), Looks(), callback=str)
    holder.release()
    assert seen == [(), ("new",)]
    assert holder.held == ("new", "new")


def test_a_long_chain_does_not_exhaust_the_stack():
    said = []
    chain = None
    for _ in range(200_000):
        chain = Doomed(chain, callback=said.append)
    del chain
    assert len(said) == 400_000
    assert all(text.endswith(BY_COUNT) for text in said[200_000:])


def test_no_references_are_lost_or_won():
    things = [object() for _ in range(100)]
    before = [sys.getrefcount(thing) for thing in things]
    of_type = sys.getrefcount(Doomed)
    for _ in range(50):
        doomed = Doomed(*things, name="n", callback=str)
        doomed.hold(*things)
        doomed.hold(doomed)
        doomed.__init__(*things, name="m", callback=str)
        doomed.hold(doomed)
        repr(doomed)
        del doomed
    gc.collect()
    assert [sys.getrefcount(thing) for thing in things] == before
    assert sys.getrefcount(Doomed) == of_type


def test_the_collector_sees_what_it_holds():
    thing, stream = [], io.StringIO()
    doomed = Doomed(thing, stream=stream)
    referents = gc.get_referents(doomed)
    assert any(one is thing for one in referents)
    assert any(one is stream for one in referents)
    assert (Doomed in referents) == (sys.version_info >= (3, 9))
    assert gc.is_tracked(doomed)


def test_a_cycle_through_the_callback_is_collected():
    said = []

    def callback(text, me=[]):  # noqa: B006 - the default is the cycle
        said.append(text)

    doomed = Doomed(callback=callback)
    callback.__defaults__[0].append(doomed)
    del callback, doomed
    gc.collect()
    assert said[-1].endswith(BY_COLLECTOR)


# ---- looks --------------------------------------------------------------------------------------


def test_repr_says_who_where_and_how_many_it_holds():
    doomed = Doomed(name="n", callback=str)
    at = f"at {id(doomed):#x}"
    assert repr(doomed) == f"<Doomed('n') {at}>"
    doomed.hold(1)
    assert repr(doomed) == f"<Doomed('n') {at}, holds 1 object>"
    doomed.hold(doomed)
    assert repr(doomed) == f"<Doomed('n') {at}, holds 2 objects>"


def test_name_can_be_read_only():
    doomed = Doomed(name="n", callback=str)
    assert doomed.name == "n"
    assert Doomed(callback=str).name is None
    with pytest.raises(AttributeError):
        doomed.name = "other"
    with pytest.raises(AttributeError):
        doomed.other = 1


@pytest.mark.parametrize(
    "keywords",
    [
        {"name": 1},
        {"name": b"bytes"},
        {"stream": 1},
        {"callback": 1},
        {"stream": io.StringIO(), "callback": print},
        {"held": []},
    ],
    ids=str,
)
def test_wrong_arguments_raise_type_error_and_nothing_is_said(keywords, capsys):
    with pytest.raises(TypeError):
        Doomed(**keywords)
    gc.collect()
    assert capsys.readouterr().out == ""


# ---- weak references, subclasses, resurrection --------------------------------------------------


def test_weak_references():
    doomed = Doomed(callback=str)
    address = id(doomed)
    reference = weakref.ref(doomed)
    count = memutil.refs(address)
    assert count == 1
    assert reference() is doomed
    del doomed
    assert reference() is None


def test_the_finalizer_comes_before_weak_reference_callbacks():
    said = []
    doomed = Doomed(callback=said.append)
    reference = weakref.ref(doomed, lambda _: said.append("weak reference called"))
    del doomed
    assert reference() is None
    assert said[1].endswith(BY_COUNT)
    assert said[2] == "weak reference called"


class Session(Doomed):
    def __init__(self, user, **keywords):
        super().__init__(name=user, **keywords)
        self.user = user


class Silent(Doomed):
    def __init__(self):
        pass


def test_subclasses_speak_under_their_own_name():
    said = []
    session = Session("ann", callback=said.append)
    who = f"Session('ann') at {id(session):#x}"
    assert repr(session) == f"<{who}>"
    assert session.user == "ann"
    reference = weakref.ref(session)
    del session
    assert said == [f"{who} created", f"{who} {BY_COUNT}"]
    assert reference() is None


def test_subclasses_in_cycles():
    said = []
    session = Session("ann", callback=said.append)
    session.itself = session
    del session
    gc.collect()
    assert said[1].endswith(BY_COLLECTOR)


def test_a_subclass_that_forgets_init_still_says_that_it_goes(capsys):
    Silent()
    assert re.fullmatch(rf"Silent\(\) at 0x[0-9a-f]+ {BY_COUNT}\n", capsys.readouterr().out)


def test_a_subclass_with_its_own_finalizer():
    said = []

    class Own(Doomed):
        def __del__(self):
            said.append("own")
            super().__del__()

    Own(callback=said.append)
    own = Own(callback=said.append)
    own.hold(own)
    del own
    gc.collect()
    assert [re.sub(".* at 0x[0-9a-f]* ", "", text) for text in said] == [
        "created",
        "own",
        BY_COUNT,
        "created",
        "own",
        BY_COLLECTOR,
    ]


def test_a_resurrected_object_speaks_once():
    said, alive = [], []

    class Phoenix(Doomed):
        def __del__(self):
            super().__del__()
            alive.append(self)

    phoenix = Phoenix([1], callback=said.append)
    del phoenix
    assert len(said) == 2
    assert said[1].endswith(BY_COUNT)
    assert alive[0].held == ([1],)
    assert repr(alive[0]).endswith("holds 1 object>")
    address = id(alive[0])
    alive.clear()
    count = memutil.refs(address)
    assert count == 0
    assert len(said) == 2


def test_resurrection_by_the_collector():
    said, alive = [], []

    class Phoenix(Doomed):
        def __del__(self):
            super().__del__()
            alive.append(self)

    phoenix = Phoenix(callback=said.append)
    phoenix.hold(phoenix)
    del phoenix
    gc.collect()
    assert said[1].endswith(BY_COLLECTOR)
    assert alive[0].held == (alive[0],)
    alive.clear()
    gc.collect()
    assert len(said) == 2


def test_init_called_again_comes_only_once():
    said = []
    doomed = Doomed(1, name="first", callback=said.append)
    doomed.__init__(2, name="second", callback=said.append)
    assert doomed.held == (2,)
    del doomed
    assert [text.split(" at ")[0] for text in said] == ["Doomed('first')", "Doomed('second')"]


# ---- where it says it ---------------------------------------------------------------------------


def test_a_stream_instead_of_stdout(capsys):
    stream = io.StringIO()
    Doomed(stream=stream)
    assert [line.split(" ", 3)[3] for line in stream.getvalue().splitlines()] == [
        "created",
        BY_COUNT,
    ]
    assert capsys.readouterr().out == ""


def test_anything_with_write_is_a_stream_and_gets_whole_lines():
    class Writes:
        def __init__(self):
            self.written = []

        def write(self, text):
            self.written.append(text)

    stream = Writes()
    Doomed(stream=stream)
    assert [text[-1] for text in stream.written] == ["\n", "\n"]


def test_stdout_is_the_one_of_that_moment(monkeypatch):
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", first)
    doomed = Doomed()
    monkeypatch.setattr(sys, "stdout", second)
    del doomed
    assert first.getvalue().endswith("created\n")
    assert second.getvalue().endswith(BY_COUNT + "\n")


def test_no_stdout_or_a_closed_one_is_silence(monkeypatch, capsys):
    closed = io.StringIO()
    closed.close()
    for stdout in (None, closed):
        monkeypatch.setattr(sys, "stdout", stdout)
        Doomed()
    monkeypatch.delattr(sys, "stdout")
    Doomed()
    monkeypatch.undo()
    Doomed(stream=closed)
    assert capsys.readouterr().err == ""


class Bad(Exception):
    pass


def works_once(calls):
    def callback(text):
        calls.append(text)
        if len(calls) > 1:
            raise Bad(text)

    return callback


class WorksOnce:
    def __init__(self):
        self.write = works_once([])


@pytest.mark.parametrize("target", ["stream", "callback"])
def test_errors_at_creation_go_to_the_caller(target):
    broken = WorksOnce()
    broken.write("once")
    calls = []
    with pytest.raises(Bad, match="created"):
        Doomed(**{target: broken if target == "stream" else broken.write})
    assert calls == []


@pytest.mark.parametrize("target", ["stream", "callback"])
@pytest.mark.parametrize("by_collector", [False, True], ids=["by count", "by collector"])
def test_errors_at_finalization_are_unraisable_and_break_nothing(target, by_collector, monkeypatch):
    unraisable = []
    monkeypatch.setattr(
        sys, "unraisablehook", lambda u: unraisable.append((u.exc_type, str(u.exc_value)))
    )
    stream = WorksOnce()
    doomed = Doomed(**{target: stream if target == "stream" else stream.write})
    address = id(doomed)
    if by_collector:
        doomed.hold(doomed)
    try:
        raise KeyError("in flight")
    except KeyError:
        del doomed
        gc.collect()
        assert sys.exc_info()[0] is KeyError
    count = memutil.refs(address)
    assert count == 0
    assert [one[0] for one in unraisable] == [Bad]
    assert (BY_COLLECTOR if by_collector else BY_COUNT) in unraisable[0][1]


def test_an_exception_in_flight_survives_the_finalizer():
    said = []

    def fails():
        doomed = Doomed(callback=said.append)
        assert doomed
        raise KeyError("in flight")

    with pytest.raises(KeyError) as caught:
        fails()
    caught = None
    gc.collect()
    assert caught is None
    assert len(said) == 2


# ---- shutdown -----------------------------------------------------------------------------------


def test_objects_alive_at_shutdown_go_with_their_last_words():
    status, out, err = run(
        """
        from memexplorer import Doomed
        v1 = Doomed(name="v1")
        kept = [Doomed(name="in a list")]
        """
    )
    assert (status, err) == (0, "")
    # Modules of free-threaded builds are not counted down: the collector finds them.
    free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
    with_the_module = BY_COLLECTOR if free_threaded else BY_COUNT
    assert sorted(out) == sorted(
        [
            "Doomed('v1') at ADDRESS created",
            "Doomed('in a list') at ADDRESS created",
            f"Doomed('v1') at ADDRESS {with_the_module}",
            f"Doomed('in a list') at ADDRESS {with_the_module}",
        ]
    )


def test_cycles_alive_at_shutdown_are_silent_or_found_but_never_noise():
    status, out, err = run(
        """
        from memexplorer import Doomed
        a = Doomed(name="a"); b = Doomed(a, name="b"); a.hold(b)
        import sys
        sys.kept = a
        """
    )
    assert (status, err) == (0, "")
    assert out[:2] == ["Doomed('a') at ADDRESS created", "Doomed('b') at ADDRESS created"]
    assert set(out[2:]) <= {f"Doomed('{n}') at ADDRESS {BY_COLLECTOR}" for n in "ab"}


@pytest.mark.parametrize(
    "code",
    [
        "import sys; v1 = Doomed(); sys.stdout = None",
        "import sys; v1 = Doomed(); sys.stdout.close()",
        "import sys; v1 = Doomed(); del sys.stdout",
        "import sys; sys.kept = Doomed(sys, sys.modules)",
        "import builtins; builtins.kept = Doomed(Doomed())",
        "import io; v1 = Doomed(stream=io.StringIO())",
        "class S:\n    def write(self, text): nowhere\nS.write = print\nv1 = Doomed(stream=S())",
        "def broken(text):\n    print(undefined) if 'final' in text else 0\nimport sys\n"
        "sys.kept = Doomed(callback=broken)",
        "import threading; local = threading.local(); local.v1 = Doomed()",
        "import atexit; atexit.register(Doomed().hold, 1)",
    ],
)
def test_shutdown_is_without_noise(code):
    status, _, err = run("from memexplorer import Doomed\n" + code)
    assert (status, err) == (0, "")


def test_order_with_print_into_a_pipe():
    status, out, err = run(
        """
        from memexplorer import Doomed
        print("one"); v1 = Doomed(); print("two"); v1 = None; print("three")
        """
    )
    assert (status, err) == (0, "")
    assert out == [
        "one",
        "Doomed() at ADDRESS created",
        "two",
        f"Doomed() at ADDRESS {BY_COUNT}",
        "three",
    ]


def test_in_a_forked_child():
    said = []
    doomed = Doomed(callback=said.append)
    child = os.fork()
    if child == 0:
        doomed = None
        os._exit(0 if len(said) == 2 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert len(said) == 1
    assert doomed


# ---- documentation ------------------------------------------------------------------------------


def test_help_shows_what_the_stub_says():
    stub = Path(memexplorer.__file__).parent / "_memexplorer.pyi"
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    assert _memexplorer.__doc__ == ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name != "_Writes":
            assert inspect.getdoc(getattr(_memexplorer, node.name)) == ast.get_docstring(node)
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name != "__init__":
                    documented = getattr(getattr(_memexplorer, node.name), method.name)
                    assert inspect.getdoc(documented) == ast.get_docstring(method)
        elif isinstance(node, ast.FunctionDef):
            assert inspect.getdoc(getattr(_memexplorer, node.name)) == ast.get_docstring(node)
    assert str(inspect.signature(Doomed.hold)) == "(self, /, *objects)"
