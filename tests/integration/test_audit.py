"""The audit tells who holds the references that the object graph does not: an extension's bugs."""

import subprocess
from pathlib import Path
from typing import Iterator

import pytest
from processes import TARGETS, Interpreter, Target, document, memexplorer, running

ASK = (
    "import sysconfig as s; print(s.get_paths()['include']); print(s.get_config_var('EXT_SUFFIX'))"
)


@pytest.fixture(scope="session")
def leaking(interpreter: Interpreter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    answer = subprocess.run(
        [interpreter.path, "-c", ASK], capture_output=True, check=True, encoding="utf-8"
    )
    include, suffix = answer.stdout.split()
    if not (Path(include) / "Python.h").exists():
        pytest.skip(f"{interpreter.path} has no headers")
    folder = tmp_path_factory.mktemp("leaky")
    subprocess.run(
        ["cc", "-O1", "-shared", "-fPIC", f"-I{include}", f"-I{Path(include).parent}"]
        + [TARGETS / "leaky.c"]
        + ["-o", folder / f"leaky{suffix}"],
        check=True,
    )
    with running(interpreter.path, TARGETS / "leaking.py", folder, 8) as target:
        yield target


def findings_of(target: Target, name: str) -> list:
    return document("audit", target.pid, "--type", f"__main__.{name}")["findings"]


def test_a_leaked_reference_is_held_by_nothing_that_is_known(leaking: Target) -> None:
    [finding] = findings_of(leaking, "Leaked")
    assert (finding["holder"], finding["objects"], finding["references"]) == ("unknown", 5, 5)


def test_a_leak_of_an_object_that_a_list_holds_too_is_found(leaking: Target) -> None:
    [finding] = findings_of(leaking, "LeakedButHeld")
    assert (finding["holder"], finding["references"]) == ("unknown", 1)
    assert int(finding["example"], 16) == leaking.facts["held"]


def test_a_leaked_object_that_nothing_refers_to_is_found(leaking: Target) -> None:
    findings = document("audit", leaking.pid, "--type", "builtins.bytes")["findings"]
    [finding] = [each for each in findings if each["holder"] == "unreached"]
    assert (finding["objects"], finding["references"]) == (1, 1)


def test_a_reference_given_up_too_often_is_a_deficit(leaking: Target) -> None:
    [finding] = findings_of(leaking, "GivenUp")
    assert (finding["holder"], finding["references"]) == ("none", 1)
    assert int(finding["example"], 16) == leaking.facts["given_up"]


def test_a_reference_in_a_static_variable_names_the_library(leaking: Target) -> None:
    [finding] = findings_of(leaking, "Kept")
    assert finding["holder"] == "static variable"
    assert finding["where"].startswith("leaky.")
    assert finding["place"] is not None


def test_a_reference_in_a_malloced_struct_is_not_lost(leaking: Target) -> None:
    [finding] = findings_of(leaking, "PutAway")
    assert (finding["holder"], finding["references"]) == ("unknown", 1)


def test_fail_on_is_for_scripts(leaking: Target) -> None:
    def status(*options: str) -> int:
        return memexplorer("audit", leaking.pid, *options).returncode

    assert status() == 0
    assert status("--fail-on", "surplus", "--type", "__main__.Leaked") == 1
    assert status("--fail-on", "surplus", "--type", "__main__.Kept") == 0
    assert status("--fail-on", "deficit", "--type", "__main__.GivenUp") == 1
    assert status("--fail-on", "deficit", "--type", "__main__.Leaked") == 0
