"""tools/get-pythons: what its names mean, and what it says of those it does not know."""

import importlib.util
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def load(name):
    loader = SourceFileLoader(name.replace("-", "_"), str(TOOLS / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tool():
    return load("get-pythons")


@pytest.fixture
def run(tmp_path):
    """The script with a cache folder of its own, on a machine that has no apt."""

    def run(*arguments):
        environment = {**os.environ, "MEMEXPLORER_PYTHON_CACHE": str(tmp_path), "PATH": "/nowhere"}
        command = [sys.executable, str(TOOLS / "get-pythons"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8")

    return run


@pytest.mark.parametrize(
    ("name", "version", "options"),
    [
        ("3.14.4", "3.14.4", []),
        ("3.14.7t", "3.14.7", ["--disable-gil"]),
        ("3.11.2d", "3.11.2", ["--with-pydebug"]),
        ("3.15.0rc2td", "3.15.0rc2", ["--disable-gil", "--with-pydebug"]),
        ("3.13.15d-nopymalloc", "3.13.15", ["--with-pydebug", "--without-pymalloc"]),
    ],
)
def test_a_name_says_what_the_build_is(tool, name, version, options):
    recipe = tool.recipe_of(name, None)
    assert (recipe.version, recipe.options) == (version, options)


def test_options_of_ones_own_take_the_place_of_those_in_the_name(tool):
    recipe = tool.recipe_of("3.14.7t-mine", "--with-lto --enable-shared")
    assert recipe.options == ["--disable-gil", "--with-lto", "--enable-shared"]


@pytest.mark.parametrize("name", ["3.14", "3.14.7x", "debian-2.7", "../3.14.7", "3.14.7-fast", ""])
def test_a_name_that_means_nothing_is_one_line(run, name):
    done = run(name)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"get-pythons: {name}:")


def test_all_known_names_can_be_made(tool):
    for names in tool.KNOWN.values():
        for name in names:
            assert name.startswith("debian-") or tool.recipe_of(name, None)


def test_without_apt_it_says_so_and_leaves_nothing(run, tmp_path):
    done = run("debian-3.14", "3.14.7t")
    assert done.returncode == 1
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] == ["get-pythons:"] * 2
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_what_is_there_is_left_alone(run, tmp_path):
    (tmp_path / "3.14.7t").mkdir()
    done = run("3.14.7t")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3.14.7t: there\n", "")


def test_what_an_ended_run_left_does_not_count(run, tmp_path):
    (tmp_path / ".making-abc" / "3.14.7t").mkdir(parents=True)
    assert "there" not in run("--list").stdout
    run("3.14.7t")
    assert not (tmp_path / ".making-abc").exists()


def test_the_list_says_what_is_there(run, tmp_path):
    (tmp_path / "3.14.7t").mkdir()
    (tmp_path / "3.14.7-mine").mkdir()
    there = [line.split()[-2] for line in run("--list").stdout.splitlines() if "there" in line]
    assert there == ["3.14.7t", "3.14.7-mine"]


@pytest.mark.parametrize(
    "arguments", [[], ["--configure", "--with-lto"], ["debian", "--configure", "--with-lto"]]
)
def test_what_it_cannot_make_sense_of_is_refused(run, arguments):
    assert run(*arguments).returncode == 2


def test_python_envs_looks_where_it_puts_them(tool, tmp_path, monkeypatch):
    envs = load("python-envs")
    assert str(tool.CACHE) == envs.brought()
    program = tmp_path / "3.14.7t" / "bin" / "python3.14"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.delenv("MEMEXPLORER_PYTHONS", raising=False)
    monkeypatch.setenv("MEMEXPLORER_PYTHON_CACHE", str(tmp_path))
    assert str(program) in list(envs.candidates())
