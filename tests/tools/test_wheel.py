"""tools/make-wheel: what the wheel is, and that the source package builds."""

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=600, **more)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel():
    return Path(run(ROOT / "tools" / "make-wheel").split()[-1])


def test_one_wheel_for_every_version_with_the_lock(wheel):
    assert re.fullmatch(r"memexplorer-[0-9.]+-cp38-abi3-manylinux_2_\d+_x86_64\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as opened:
        extensions = [name for name in opened.namelist() if name.endswith(".so")]
        text = next(n for n in opened.namelist() if n.endswith(".dist-info/WHEEL"))
        assert b"Tag: cp38-abi3-manylinux_2_" in opened.read(text)
    assert extensions
    assert all(name.endswith(".abi3.so") for name in extensions)


def test_its_binaries_need_nothing_but_the_c_library(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as opened:
        names = [n for n in opened.namelist() if n.endswith((".so", "bin/memexplorer"))]
        for name in names:
            path = opened.extract(name, tmp_path)
            needed = re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", path))
            assert set(needed) <= {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}
    assert any(name.endswith("bin/memexplorer") for name in names)


def test_it_is_built_once(wheel):
    built = wheel.stat().st_mtime_ns
    assert Path(run(ROOT / "tools" / "make-wheel").split()[-1]) == wheel
    assert wheel.stat().st_mtime_ns == built


def test_the_source_package_builds_in_an_environment_of_its_own(tmp_path):
    """From what is committed, with what pip brings and nothing of this checkout."""
    clone = tmp_path / "clone"
    run("git", "clone", "-q", "--depth", "1", f"file://{ROOT}", clone)
    code = "import sys; sys.path.insert(0, 'python'); import backend; backend.build_sdist('dist')"
    path = f"{ROOT / '.venv' / 'bin'}:/usr/bin:/bin"
    run(sys.executable, "-c", code, cwd=clone, env={"PATH": path, "HOME": str(tmp_path)})
    (source,) = (clone / "dist").glob("*.tar.gz")
    with tarfile.open(source) as opened:
        assert any(name.endswith("/python/backend.py") for name in opened.getnames())
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv" / "bin" / "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, source,
        cwd=tmp_path)  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    assert "-cp38-abi3-" in wheel.name
    with zipfile.ZipFile(wheel) as opened:
        assert "memexplorer/bin/memexplorer" in opened.namelist()
