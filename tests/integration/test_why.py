"""`why` names the one way by which each object of the target is held, as Python would write it."""

import re
import subprocess
from typing import Dict, Iterator, List, NamedTuple, Tuple

import pytest
from processes import TARGETS, Interpreter, Target, document, memexplorer, output, running
from test_audit import build

pytestmark = pytest.mark.oldest_and_newest  # what is asked of a snapshot knows no versions

PROGRAM = TARGETS / "explained.py"

# What holds it -> the way that is written for it.
WAYS = {
    "cached": "module __main__ -> CACHE -> ['user:17'] -> .items -> [0]",
    "attribute": "module __main__ -> plain -> .value -> [0]",
    "in_dict": "module __main__ -> materialised -> .value -> [0]",
    "its_dict": "module __main__ -> materialised -> .__dict__",
    "slot": "module __main__ -> slotted -> .items -> [0]",
    "of_class": "module __main__ -> Registry -> .entries -> [0]",
    "closure": "module __main__ -> inner -> closure secret -> [0]",
    "thread_local": "module __main__ -> local -> .value -> [0]",
    "module": "module __main__",
    "namespace": "module __main__ -> .__dict__",
}


class Explained(NamedTuple):
    target: Target
    native: bool

    def why(self, name: str, *options: str) -> dict:
        return document("why", self.target.pid, self.target.facts[name], *options)

    def ways(self, name: str, *options: str) -> List[str]:
        return [chain["text"] for chain in self.why(name, *options)["chains"]]

    def printed(self, subject: str, *options: str) -> str:
        return output("why", self.target.pid, subject, *options)


@pytest.fixture(scope="module")
def explained(
    interpreter: Interpreter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Explained]:
    folder = tmp_path_factory.mktemp("leaky")
    try:
        build(interpreter, folder)
        arguments: Tuple = (folder,)
    except (pytest.skip.Exception, subprocess.CalledProcessError):
        arguments = ()  # no headers: what native code holds is left out
    with running(interpreter.path, PROGRAM, *arguments) as target:
        yield Explained(target, bool(arguments))


# ---- one object -------------------------------------------------------------------------------


def test_each_is_explained_by_the_name_that_a_person_would_use(explained: Explained) -> None:
    first = {name: explained.ways(name)[0] for name in WAYS}
    assert first == WAYS


def test_a_step_has_the_object_that_it_leads_to(explained: Explained) -> None:
    [chain] = explained.why("cached")["chains"]
    assert chain["root"] == "module __main__"
    steps = [(step["type"], step["reference"]) for step in chain["steps"]]
    assert steps[-2:] == [("builtins.list", ".items"), ("__main__.Thing", "[0]")]
    assert int(chain["steps"][-1]["address"], 16) == explained.target.facts["cached"]
    assert chain["root_kind"] == "module" and chain["further"] is False


def test_a_local_of_a_running_function_is_held_by_its_frame(explained: Explained) -> None:
    pattern = r"     1  thread \d+ frame work at explained.py:\d+ -> local job -> \[...\]$"
    assert re.search(pattern, explained.printed("Thing"), re.MULTILINE)


def test_a_context_variable_is_held_by_the_context_of_its_thread(explained: Explained) -> None:
    [way] = [way for way in explained.ways("variable") if " state -> context" in way]
    assert re.fullmatch(r"thread \d+ state -> context -> variable 'request' -> \[0\]", way)


def test_a_local_of_a_suspended_generator_is_named(explained: Explained) -> None:
    [way] = [way for way in explained.ways("generator") if way.startswith("module __main__")]
    assert way.replace(" -> .gi_frame", "") == (
        "module __main__ -> generator -> local suspended -> [0]"
    )


def test_steps_that_read_the_same_are_counted(explained: Explained) -> None:
    [chain] = explained.why("long")["chains"]
    assert chain["text"] == "module __main__ -> chain -> .next (300 times) -> .items -> [0]"
    assert len(chain["steps"]) > 300


def test_a_long_way_is_written_without_its_middle(explained: Explained) -> None:
    [chain] = explained.why("nested")["chains"]
    way = re.fullmatch(
        r"module __main__ -> nested (-> \[\d\] ){11}-> \((\d+) more\) (-> \[\d\] ){11}-> \[0\]",
        chain["text"],
    )
    assert way, chain["text"]
    assert 11 + int(way.group(2)) + 12 + 2 == len(chain["steps"])


# ---- several ways -----------------------------------------------------------------------------


def test_independent_ways_share_no_object(explained: Explained) -> None:
    ways = explained.ways("several", "--paths", "10")
    assert set(ways) >= {
        "module __main__ -> ONE -> [0]",
        "module __main__ -> TWO -> ['key']",
        "module __main__ -> THREE -> [1]",
        "module __main__ -> FOUR -> .several",
    }
    assert len(ways) == len(set(ways))


def test_as_many_ways_are_shown_as_are_asked_for(explained: Explained) -> None:
    assert len(explained.ways("several", "--paths", "1")) == 1
    assert len(explained.ways("several", "--paths", "3")) == 3
    text = explained.printed(hex(explained.target.facts["several"]), "--paths", "2")
    assert text.count("module __main__ -> ") == 2
    assert "Besides" in text


# ---- what nothing holds -----------------------------------------------------------------------


def test_garbage_is_held_by_nothing(explained: Explained) -> None:
    answer = explained.why("lost")
    assert (answer["objects"], answer["garbage"]) == (1, 1)
    assert {chain["root_kind"] for chain in answer["chains"]} == {"garbage"}
    text = explained.printed(hex(explained.target.facts["lost"]))
    assert "Nothing holds it: it is garbage, and waits for the cycle collector." in text
    assert "module" not in text


def test_what_garbage_holds_is_reached_from_it_alone(explained: Explained) -> None:
    answer = explained.why("inner_lost")
    assert answer["garbage"] == 1
    assert answer["chains"][0]["text"] == "garbage (__main__.Lost) -> .inner -> [0]"


def test_what_is_alive_is_not_explained_by_garbage(explained: Explained) -> None:
    answer = explained.why("lost_class", "--paths", "100")  # instances of it are garbage
    assert answer["garbage"] == 0
    assert answer["chains"][0]["text"] == "module __main__ -> Lost"
    assert "garbage" not in {chain["root_kind"] for chain in answer["chains"]}


def test_what_was_put_aside_is_no_garbage(explained: Explained) -> None:
    answer = explained.why("frozen")
    assert answer["garbage"] == 0
    assert answer["chains"][0]["text"] == (
        "put aside by gc.freeze() (__main__.Node) -> .items -> [0]"
    )


# ---- types ------------------------------------------------------------------------------------


def merged(explained: Explained) -> Dict[str, int]:
    chains = document("why", explained.target.pid, "__main__.Merged")["chains"]
    return {chain["text"]: chain["count"] for chain in chains}


def test_ways_to_a_type_are_counted_together(explained: Explained) -> None:
    ways = merged(explained)
    assert ways["module __main__ -> MERGED -> [...] -> .items -> [...]"] == 300
    assert ways["module __main__ -> MORE -> [...]"] == 40
    assert sum(ways.values()) == 347


def test_garbage_among_a_type_is_counted(explained: Explained) -> None:
    answer = document("why", explained.target.pid, "__main__.Merged")
    assert (answer["objects"], answer["garbage"]) == (347, 7)
    assert sum(count for way, count in merged(explained).items() if way.startswith("garbage")) == 7
    text = explained.printed("Merged")
    assert "347 objects of Merged" in text
    assert "7 of them are garbage" in text


# ---- native code ------------------------------------------------------------------------------


@pytest.fixture()
def native(explained: Explained) -> Explained:
    if not explained.native:
        pytest.skip("no headers")
    return explained


def test_a_static_variable_is_named_with_its_library(native: Explained) -> None:
    [kept] = native.ways("kept")
    assert re.fullmatch(r"native code: leaky\.\S+so: kept -> \[0\]", kept)
    [local] = native.ways("kept_in_local")
    assert re.fullmatch(r"native code: leaky\.\S+so: spot\S* -> \[0\]", local)


def test_what_stands_in_a_block_is_held_by_native_code(native: Explained) -> None:
    [way] = native.why("boxed")["chains"]
    assert way["root_kind"] == "native code"
    assert way["text"].endswith(" -> [0]")


def test_a_lost_reference_is_held_by_native_code(native: Explained) -> None:
    [way] = native.why("leaked")["chains"]
    assert (way["root_kind"], way["text"]) == ("native code", "native code (list) -> [0]")


def test_a_cycle_that_the_collector_cannot_see_is_no_garbage(native: Explained) -> None:
    answer = native.why("circle")
    assert answer["garbage"] == 0
    assert answer["chains"][0]["text"] == ("a cycle that the collector does not see (list) -> [0]")


# ---- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["0x10"], "there is no object at 0x10"),
        (["NoSuchType"], "there is no object of a type called 'NoSuchType'"),
        (["0xzz"], "0xzz"),
        (["Thing", "--paths", "many"], "--paths"),
        (["Thing", "--paths", "1001"], "1000 at most"),
        ([], "ADDRESS|TYPE"),
    ],
)
def test_bad_input_is_one_line_that_names_it(
    explained: Explained, arguments: List[str], message: str
) -> None:
    done = memexplorer("why", explained.target.pid, *arguments)
    assert done.returncode != 0 and done.stdout == ""
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
