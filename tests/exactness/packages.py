"""Packages from PyPI for the programs, one folder for each kind of interpreter, without its pip.

Some interpreters found have no pip and no venv, so .venv's pip brings the wheels of another
version, and they are unpacked here. A folder is named for what is in it and is kept in
.cache/exactness.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Iterator, List

from pip._vendor.packaging.requirements import Requirement
from processes import ROOT

CACHE = ROOT / ".cache" / "exactness"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
LIMIT_SECONDS = 300
NO_WHEEL = "No matching distribution found"


class Missing(Exception):
    """There is no ready wheel for this interpreter; says which."""


def requirements(program: str, version: str) -> List[str]:
    chosen = []
    for line in REQUIREMENTS.read_text().splitlines():
        name, _, text = line.partition(": ")
        if name != program:
            continue
        requirement = Requirement(text)
        marker, requirement.marker = requirement.marker, None
        if marker is None or marker.evaluate({"python_version": version}):
            chosen.append(str(requirement))
    return chosen


@contextlib.contextmanager
def lock() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def download(wanted: List[str], version: str, abi: str, folder: str) -> None:
    # `pip install --target` asks whether the packages fit the Python that it runs on itself.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--dest", folder, "--python-version", version, "--implementation", "cp"]
    command += ["--abi", abi, "--abi", "abi3", "--abi", "none", "--only-binary", ":all:", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        if any(NO_WHEEL in line for line in lines):
            raise Missing(f"{NO_WHEEL}: {lines[-1][7:]}")
        raise RuntimeError(done.stderr)


def site(program: str, version: tuple, free_threaded: bool) -> Path:
    """The folder to put on PYTHONPATH. Raises Missing."""
    short = ".".join(map(str, version[:2]))
    abi = f"cp{version[0]}{version[1]}{'t' * free_threaded}"
    wanted = requirements(program, short)
    digest = hashlib.sha256(repr(wanted).encode()).hexdigest()[:8]
    folder = CACHE / f"{program}-{abi}-{digest}"
    with lock():
        if folder.exists():
            return folder
        with tempfile.TemporaryDirectory(dir=CACHE) as wheels:
            download(wanted, short, abi, wheels)
            made = tempfile.mkdtemp(dir=CACHE)
            for wheel in sorted(Path(wheels).glob("*.whl")):
                with zipfile.ZipFile(wheel) as archive:
                    archive.extractall(made)
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(made, folder)
    return folder


def versions(folder: Path) -> List[str]:
    """ "numpy 2.4.6", for each package."""
    names = (path.name[: -len(".dist-info")] for path in sorted(folder.glob("*.dist-info")))
    return [name.replace("-", " ") for name in names]
