"""The audit tells who holds the references that the object graph does not: an extension's bugs."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Iterator, NamedTuple, Optional

import pytest
from processes import (
    LIMIT_SECONDS,
    TARGETS,
    Interpreter,
    Target,
    document,
    memexplorer,
    output,
    running,
)

ASK = (
    "import sysconfig as s; print(s.get_paths()['include']); print(s.get_config_var('EXT_SUFFIX'))"
)
needs_gdb = pytest.mark.skipif(not shutil.which("gdb"), reason="gdb is not installed")
few = pytest.mark.oldest_and_newest


def build(interpreter: Interpreter, folder: Path) -> Path:
    """The extension, with its symbols."""
    answer = subprocess.run(
        [interpreter.path, "-c", ASK], capture_output=True, check=True, encoding="utf-8"
    )
    include, suffix = answer.stdout.split()
    if not (Path(include) / "Python.h").exists():
        pytest.skip(f"{interpreter.path} has no headers")
    library = folder / f"leaky{suffix}"
    subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", f"-I{include}", f"-I{Path(include).parent}"]
        + [TARGETS / "leaky.c"]
        + ["-o", library],
        check=True,
    )
    return library


class Leaking(NamedTuple):
    process: Target
    place: Any  # a PID, or a core of the process
    library: str

    def findings(self, type_name: str) -> list:
        return document("audit", self.place, "--type", type_name)["findings"]

    def finding(self, name: str) -> dict:
        """The only one of a class, which has to name the very object."""
        [finding] = self.findings(f"__main__.{name}")
        if name in self.process.facts:
            assert int(finding["example"], 16) == self.process.facts[name]
        return finding


def running_bugs(interpreter: Interpreter, folder: Path, **environment: str) -> Any:
    """leaking.py, as a module: the compiler's memory of a main program lives as long as it runs.

    Addresses of constants that are gone stand there, where a leaked object may be by now.
    """
    environment["PYTHONPATH"] = str(TARGETS)
    return running(interpreter.path, "-m", "leaking", folder, 8, env=environment)


def core_of(target: Target, folder: Path) -> Path:
    path = folder / "core"
    subprocess.run(
        ["gdb", "-batch", "-nx", "-p", str(target.pid), "-ex", f"generate-core-file {path}"],
        check=True,
        capture_output=True,
        timeout=LIMIT_SECONDS,
    )
    return path


@pytest.fixture(
    scope="session",
    params=[
        "process",
        pytest.param("core", marks=[needs_gdb, few]),
        pytest.param("debug hooks", marks=few),
    ],
)
def leaking(
    interpreter: Interpreter,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Leaking]:
    folder = tmp_path_factory.mktemp("leaky")
    library = build(interpreter, folder)
    options = {"PYTHONMALLOC": "debug"} if request.param == "debug hooks" else {}
    with running_bugs(interpreter, folder, **options) as target:
        place = core_of(target, folder) if request.param == "core" else target.pid
        yield Leaking(target, place, library.name)


def kind(finding: dict) -> tuple:
    return (finding["holder"], finding["objects"], finding["references"])


def test_a_leaked_reference_is_held_by_nothing_that_is_known(leaking: Leaking) -> None:
    assert kind(leaking.finding("Leaked")) == ("unknown", 5, 5)


def test_a_leak_of_an_object_that_a_list_holds_too_is_found(leaking: Leaking) -> None:
    finding = leaking.finding("LeakedButHeld")
    assert kind(finding) == ("unknown", 1, 1)
    assert finding["confidence"] == "sure"


def assert_lost(findings: list, name: str, least: int, most: int) -> None:
    """So many are lost; a word left behind somewhere may take one, which is then in doubt."""
    of_type = [each for each in findings if each["type"] == f"builtins.{name}"]
    lost = sum(each["objects"] for each in of_type if each["holder"] == "unreached")
    doubtful = sum(each["objects"] for each in of_type if each["confidence"] != "sure")
    assert all(
        each["objects"] == each["references"] for each in of_type if each["holder"] == "unreached"
    )
    assert lost <= most and lost + doubtful >= least, of_type


def assert_lost_bytes(findings: list, version: tuple) -> None:
    """CPython 3.15.2 loses one of its own, too, depending on which modules it compiles."""
    assert_lost(findings, "bytes", 2, 3 if version >= (3, 15) else 2)


def test_a_leaked_object_that_nothing_refers_to_is_found_small_or_large(
    interpreter: Interpreter, leaking: Leaking
) -> None:
    assert_lost_bytes(leaking.findings("builtins.bytes"), interpreter.version)
    assert_lost(leaking.findings("builtins.bytearray"), "bytearray", 1, 1)


def test_a_reference_given_up_too_often_is_a_deficit(leaking: Leaking) -> None:
    assert kind(leaking.finding("GivenUp")) == ("none", 1, 1)


@pytest.mark.parametrize(
    "name, symbol", [("Kept", "kept"), ("KeptInTable", "table+0x8"), ("KeptInLocal", "spot.")]
)
def test_a_reference_in_a_static_variable_names_the_library_and_the_variable(
    leaking: Leaking, name: str, symbol: str
) -> None:
    finding = leaking.finding(name)
    assert kind(finding) == ("static variable", 1, 1)
    assert finding["place"] is not None
    where = finding["where"]
    assert where == f"{leaking.library}: {symbol}" or (
        symbol.endswith(".") and where.startswith(f"{leaking.library}: {symbol}")
    )


def test_a_reference_in_a_malloced_struct_is_followed_to_the_variable(leaking: Leaking) -> None:
    finding = leaking.finding("PutAway")
    assert kind(finding) == ("malloc block", 1, 1)
    # malloc may give more than the 40 bytes that were asked for
    assert re.fullmatch(r".*: box -> (40|56) bytes\+0x20", finding["where"])
    assert finding["where"].startswith(leaking.library)
    assert finding["block"]["bytes"] in (40, 56)
    assert finding["block"]["offset"] == 32
    block = int(finding["block"]["address"], 16)
    assert int(finding["place"], 16) == block + 32


def test_a_struct_that_another_struct_points_to_is_two_steps_away(leaking: Leaking) -> None:
    finding = leaking.finding("PutDeeper")
    assert kind(finding) == ("malloc block", 1, 1)
    assert finding["where"].startswith(leaking.library)
    assert re.fullmatch(r".*: outer -> \d+ bytes -> \d+ bytes\+0x20", finding["where"])


def test_a_struct_that_only_memory_of_nobody_points_to_is_possible_alone(leaking: Leaking) -> None:
    finding = leaking.finding("PutOutOfSight")
    assert kind(finding) == ("memory", 1, 1)
    assert finding["confidence"] == "possible"
    assert re.fullmatch(r"thread-local or mapped memory -> \d+ bytes\+0x20", finding["where"])


def test_a_reference_in_a_struct_that_nothing_points_to_was_lost_with_it(leaking: Leaking) -> None:
    finding = leaking.finding("Lost")
    assert kind(finding) == ("lost block", 1, 1)
    assert re.fullmatch(r"nothing -> (40|48|56) bytes\+0x20", finding["where"])
    assert finding["block"]["offset"] == 32


def lost_or_not_for_sure(finding: dict) -> bool:
    """How a lost block of pymalloc is found: as lost, or in doubt.

    The interpreter's caches may still point to the block: then the way to it is not told. So may a
    word left behind in some other memory, the stack of an ended thread among them: then this memory
    is named as the holder, and not for sure.
    """
    if finding["holder"] in ("lost block", "unknown"):
        return True
    return finding["confidence"] != "sure" and finding["block"]["bytes"] >= 24


def test_a_reference_in_a_lost_struct_of_pymalloc_is_found(leaking: Leaking) -> None:
    finding = leaking.finding("LostSmall")
    assert kind(finding)[1:] == (1, 1)
    assert lost_or_not_for_sure(finding)


def test_a_word_in_freed_memory_holds_nothing(leaking: Leaking) -> None:
    assert kind(leaking.finding("Forgotten")) == ("unknown", 1, 1)


def test_a_leak_whose_address_is_on_a_stack_is_listed_as_possible(leaking: Leaking) -> None:
    """No tool can tell it from a reference that the C function owns: so it is listed, not hidden.

    The same holds for the unused slots of a value stack, whose height is not known to 3.13.
    """
    finding = leaking.finding("InSight")
    assert kind(finding)[1:] == (1, 1)
    assert finding["holder"] in ("C stack", "value stack")
    assert finding["confidence"] == "possible"
    assert re.search(r"wait at .*leaking\.py", finding["where"])


def test_fail_on_is_for_scripts(leaking: Leaking) -> None:
    def status(*options: str) -> int:
        return memexplorer("audit", leaking.place, *options).returncode

    assert status() == 0
    assert status("--fail-on", "surplus", "--type", "__main__.Leaked") == 1
    assert status("--fail-on", "surplus", "--type", "__main__.Leak*") == 1
    assert status("--fail-on", "surplus", "--type", "__main__.Lost") == 1
    assert status("--fail-on", "surplus", "--type", "__main__.Kept*") == 0
    assert status("--fail-on", "surplus", "--type", "__main__.PutAway") == 0
    assert status("--fail-on", "deficit", "--type", "__main__.Given?p") == 1
    assert status("--fail-on", "deficit", "--type", "__main__.Leaked") == 0
    assert status("--fail-on", "nonsense") == 2


def test_the_first_line_says_what_is_lost(leaking: Leaking) -> None:
    def first(name: str) -> str:
        return output("audit", leaking.place, "--type", f"__main__.{name}").splitlines()[0]

    assert first("Leaked") == (
        "5 references of 5 objects are explained by nothing: likely lost references"
    )
    assert first("Kept") == "No reference is lost: something that was found holds each of them"
    assert first("InSight") == (
        "No reference is lost for certain; of 1 only a word is known that may have been left behind"
        " (possible)"
    )
    lines = output("audit", leaking.place, "--type", "NoSuchType").splitlines()
    assert "Every reference to an object of NoSuchType is accounted for." in lines
    plain = output("audit", leaking.place, "--type", "Kept").splitlines()
    assert plain == output("audit", leaking.place, "--type", "__main__.Kept").splitlines()


def test_a_reference_in_a_c_struct_that_nobody_described_names_its_type(leaking: Leaking) -> None:
    finding = leaking.finding("Wrapped")
    assert kind(finding) == ("C struct", 1, 1)
    assert finding["where"] == "leaky.Opaque"


def test_every_answer_says_what_it_did_not_see(leaking: Leaking) -> None:
    for command in "audit", "report":
        spots = document(command, leaking.place)["blind_spots"]
        assert spots["native_blocks"] > spots["lost_blocks"] >= 1
        assert spots["scanned_objects"] >= spots["scanned_types"] > 0
        assert spots["possible_words"] > 0
        assert (spots["threads_unseen"], spots["broken_bytes"]) == (0, 0)
        assert (spots["undecoded_objects"], spots["allocators"]) == (0, "")
        assert "native code" in output(command, leaking.place)


def audit_with(
    interpreter: Interpreter, folder: Path, name: str, environment: Optional[dict] = None
) -> dict:
    with running_bugs(interpreter, folder, **(environment or {})) as target:
        [finding] = document("audit", target.pid, "--type", f"__main__.{name}")["findings"]
        return finding


def test_a_stripped_library_is_named_by_its_sections(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    library = build(interpreter, tmp_path)
    subprocess.run(["strip", library], check=True)
    finding = audit_with(interpreter, tmp_path, "Kept")
    assert finding["holder"] == "static variable"
    assert finding["where"].startswith(f"{library.name}: .bss+0x")


def test_a_library_of_another_build_is_not_asked_for_names(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    """The removed file is there still for whoever may open map_files; another has its place."""
    library = build(interpreter, tmp_path)
    with running_bugs(interpreter, tmp_path) as target:
        library.unlink()
        other = tmp_path / "other.c"
        other.write_text("int impostor[1000], PyInit_leaky;")
        subprocess.run(["cc", "-shared", "-fPIC", other, "-o", library], check=True)
        [finding] = document("audit", target.pid, "--type", "__main__.Kept")["findings"]
        assert re.fullmatch(re.escape(library.name) + r"(: kept|\+0x[0-9a-f]+)", finding["where"])


ALLOCATORS = ["malloc", "malloc_debug", "pymalloc_debug", "mimalloc", "mimalloc_debug"]


@pytest.mark.parametrize("allocator", ALLOCATORS)
def test_leaks_are_found_under_every_allocator(
    interpreter: Interpreter, tmp_path: Path, allocator: str
) -> None:
    if allocator.startswith("mimalloc") and interpreter.version < (3, 13):
        pytest.skip("mimalloc came with 3.13")
    if not allocator.startswith("mimalloc") and interpreter.free_threaded:
        pytest.skip("free-threaded builds have mimalloc alone")
    build(interpreter, tmp_path)
    tried = subprocess.run(
        [interpreter.path, "-c", ""],
        env={"PYTHONMALLOC": allocator},
        capture_output=True,
        check=False,
    )
    if b"unknown allocator" in tried.stderr:
        pytest.skip(f"{interpreter.path} does not have it")
    with running_bugs(interpreter, tmp_path, PYTHONMALLOC=allocator) as target:
        findings = document("audit", target.pid)["findings"]
        kinds = {(each["type"], each["holder"]): each["objects"] for each in findings}
        assert_lost_bytes(findings, interpreter.version)
        assert kinds["__main__.Leaked", "unknown"] == 5
        [small] = [each for each in findings if each["type"] == "__main__.LostSmall"]
        assert lost_or_not_for_sure(small)
        assert kinds["__main__.PutAway", "malloc block"] == 1
        assert not [each for each in findings if each["holder"] == "none"][1:]


def test_json_has_what_the_table_says(leaking: Leaking) -> None:
    answer = json.loads(output("audit", leaking.place, "--json"))
    for finding in answer["findings"]:
        assert finding["meaning"]
        assert finding["confidence"] in ("sure", "likely", "possible")
        if finding["holder"] in ("malloc block", "lost block", "memory"):
            assert finding["block"]["bytes"] > finding["block"]["offset"]
        else:
            assert finding["block"] is None or finding["holder"] == "C stack"
