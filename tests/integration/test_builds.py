"""However a CPython was made and started, it is found: renamed, deleted, embedded, behind ld.so."""

import contextlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, Optional

import pytest
from processes import (
    TARGETS,
    Interpreter,
    check_refcounts,
    document,
    found_interpreters,
    is_supported,
    load_tool,
    memexplorer,
    output,
    running,
)

ASK = """
import sys, sysconfig
get = sysconfig.get_config_var
for name in ("LIBDIR", "INSTSONAME", "LIBPL", "LIBRARY", "CC", "LIBS", "SYSLIBS", "MODLIBS"):
    print(get(name) or "")
print(sys.prefix)
"""


class Facts(Dict[str, str]):
    def file(self, folder: str, name: str) -> Optional[Path]:
        path = Path(self[folder], self[name])
        return path if self[name] and path.is_file() else None

    @property
    def shared(self) -> Optional[Path]:
        return self.file("LIBDIR", "INSTSONAME") if ".so" in self["INSTSONAME"] else None

    @property
    def archive(self) -> Optional[Path]:
        return self.file("LIBPL", "LIBRARY") or self.file("LIBDIR", "LIBRARY")


def facts_of(python: str) -> Facts:
    done = subprocess.run([python, "-c", ASK], capture_output=True, check=True, text=True)
    names = re.findall(r'"(\w+)"', ASK)
    return Facts(zip([*names, "PREFIX"], done.stdout.splitlines()))


@pytest.fixture(scope="session")
def facts(interpreter: Interpreter) -> Facts:
    return facts_of(interpreter.path)


def uses_the_c_library_here(python: str) -> bool:
    """Only then its library can be a part of a program that is compiled here."""
    return loader_of(python).startswith("/lib64/ld-linux")


def compile_program(*options: object) -> None:
    subprocess.run(["cc", "-O1", TARGETS / "embedding.c", *map(str, options)], check=True)


def target_of(pid: int) -> dict:
    return document("report", pid)["target"]


def has_version(target: dict, interpreter: Interpreter) -> bool:
    return target["python"] == ".".join(map(str, interpreter.version))


# ---- other allocators -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allocator", "program"),
    [("debug", "everything.py"), ("malloc", "everything.py"), ("malloc_debug", "threads.py")],
)
def test_refcounts_are_explained_with_the_allocator(
    allocator: str, program: str, interpreter: Interpreter, tmp_path: Path
) -> None:
    if interpreter.free_threaded and allocator != "debug":
        pytest.skip("free-threaded builds have mimalloc alone")
    environment = {"PYTHONMALLOC": allocator}
    with running(interpreter.path, TARGETS / program, tmp_path / "k", env=environment) as target:
        check_refcounts(target.pid)


# ---- other names and places -------------------------------------------------------------------


@contextlib.contextmanager
def running_copy(interpreter: Interpreter, facts: Facts, copy: Path, before: List[object]):
    """A copy of the executable runs."""
    shutil.copy(interpreter.path, copy)
    environment = {"PYTHONHOME": facts["PREFIX"], "LD_LIBRARY_PATH": facts["LIBDIR"]}
    with running(*before, copy, TARGETS / "standing.py", env=environment) as target:
        yield target


def test_a_renamed_executable(interpreter: Interpreter, facts: Facts, tmp_path: Path) -> None:
    with running_copy(interpreter, facts, tmp_path / "editor", []) as target:
        assert has_version(target_of(target.pid), interpreter)
        check_refcounts(target.pid)


def test_an_executable_that_was_replaced_while_it_runs(
    interpreter: Interpreter, facts: Facts, tmp_path: Path
) -> None:
    copy = tmp_path / "python3"
    with running_copy(interpreter, facts, copy, []) as target:
        copy.unlink()
        copy.write_text("another program")
        assert has_version(target_of(target.pid), interpreter)
        check_refcounts(target.pid)
        assert str(target.pid) in output("ps")


def loader_of(program: str) -> str:
    headers = subprocess.run(
        ["readelf", "-lW", program], capture_output=True, check=True, text=True
    ).stdout
    found = re.search(r"program interpreter: ([^\]]*)", headers)
    return found[1] if found else ""


def test_an_interpreter_that_was_started_through_the_loader(
    interpreter: Interpreter, facts: Facts, tmp_path: Path
) -> None:
    loader = loader_of(interpreter.path)
    if not loader:
        pytest.skip(f"{interpreter.path} is static")
    with running_copy(interpreter, facts, tmp_path / "python3", [loader]) as target:
        assert os.path.realpath(f"/proc/{target.pid}/exe") == os.path.realpath(loader)
        described = target_of(target.pid)
        assert has_version(described, interpreter)
        check_refcounts(target.pid)
        assert str(target.pid) in output("ps")


def test_threads_are_known_by_the_numbers_of_the_kernel(interpreter: Interpreter) -> None:
    with running(interpreter.path, TARGETS / "threads.py") as target:
        told = sorted(thread["native_id"] for thread in document("report", target.pid)["threads"])
        assert told == sorted(map(int, os.listdir(f"/proc/{target.pid}/task")))


# ---- inside other programs --------------------------------------------------------------------


@pytest.fixture(scope="session")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("embedding") / "editor"
    compile_program("-o", program, "-ldl")
    return program


def test_a_library_under_another_name(
    interpreter: Interpreter, facts: Facts, embedding: Path, tmp_path: Path
) -> None:
    if not facts.shared or not uses_the_c_library_here(interpreter.path):
        pytest.skip(f"{interpreter.path} is not made with --enable-shared for this C library")
    library = tmp_path / "_internal.bin"
    shutil.copy(facts.shared, library)
    with running(embedding, f"{library}={facts['PREFIX']}") as target:
        described = target_of(target.pid)
        assert has_version(described, interpreter)
        assert (described["library"], described["other_pythons"]) == (str(library), 0)
        check_refcounts(target.pid)


def test_built_into_a_program_that_exports_no_symbol(
    interpreter: Interpreter, facts: Facts, tmp_path: Path
) -> None:
    if not facts.archive or not uses_the_c_library_here(interpreter.path):
        pytest.skip(f"{interpreter.path} has no static library for this C library")
    program = tmp_path / "editor"
    libraries = f"{facts['MODLIBS']} {facts['LIBS']} {facts['SYSLIBS']} -lm".split()
    compile_program("-DLINKED", "-no-pie", "-o", program, facts.archive, *libraries)
    symbols = subprocess.run(["nm", "-D", program], capture_output=True, check=True, text=True)
    assert "PyType_Type" not in symbols.stdout
    subprocess.run(["strip", program], check=True)
    with running(program, facts["PREFIX"]) as target:
        described = target_of(target.pid)
        assert has_version(described, interpreter)
        assert described["library"] == str(program)
        check_refcounts(target.pid)


def test_of_two_in_one_process_it_says_which(embedding: Path) -> None:
    supported = (known for known in found_interpreters().values() if is_supported(known))
    known = [(facts_of(each["binary"]), each) for each in supported]
    known = [(facts, each) for facts, each in known
             if facts.shared and uses_the_c_library_here(each["binary"])][:2]  # fmt: skip
    if len(known) < 2:
        pytest.skip("there are no two CPythons made with --enable-shared")
    arguments = [f"{facts.shared}={facts['PREFIX']}" for facts, _ in known]
    with running(embedding, *arguments) as target:
        described = target_of(target.pid)
        assert described["other_pythons"] == 1
        [chosen] = [each for facts, each in known if str(facts.shared) == described["library"]]
        assert described["python"] == ".".join(map(str, chosen["version"]))
        assert "One of 2 CPythons in this process" in output("report", target.pid)


# ---- what is refused --------------------------------------------------------------------------


def test_two_more_words_before_every_object_are_refused() -> None:
    envs = load_tool("python-envs")
    traced = [known for known in found_interpreters().values() if envs.has_traced_headers(known)]
    if not traced:
        pytest.skip("no interpreter --with-trace-refs; tools/get-pythons unusual brings one")
    for known in traced:
        with running(known["binary"], TARGETS / "standing.py") as target:
            done = memexplorer("report", target.pid)
            assert done.returncode == 6
            [line] = done.stderr.splitlines()
            assert ".".join(map(str, known["version"][:2])) in line
            assert "--with-trace-refs is not supported" in line
