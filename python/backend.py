"""What pip calls to build the package: meson-python, told what it cannot know.

- The limited API serves every build of CPython but free-threaded ones, and debug ones whose headers
  refuse it: those get a wheel of their own, from the same sources.
- A wheel for the limited API is one of CPython 3.8, whichever interpreter it was built with.
"""

import base64
import hashlib
import os
import sysconfig
import zipfile
from pathlib import Path
from typing import Any, Dict, Optional

import mesonpy
from mesonpy import (  # noqa: F401 - called by pip
    build_editable,
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
)

OLDEST = "cp38"
Settings = Optional[Dict[str, Any]]


def has_limited_api() -> bool:
    refused = ("Py_GIL_DISABLED", "Py_DEBUG", "Py_TRACE_REFS")
    return not any(sysconfig.get_config_var(name) for name in refused)


def with_limited_api_off(settings: Settings) -> Dict[str, Any]:
    settings = dict(settings or {})
    setup = settings.get("setup-args", [])
    setup = [setup] if isinstance(setup, str) else list(setup)
    settings["setup-args"] = [*setup, "-Dpython.allow_limited_api=false"]
    return settings


def retag(wheel: Path) -> Path:
    """The wheel under the oldest version's tag: cp311-abi3 becomes cp38-abi3."""
    name, version, python, rest = wheel.name.split("-", 3)
    if python == OLDEST:
        return wheel
    made = wheel.with_name("-".join([name, version, OLDEST, rest]))
    info = f"{name}-{version}.dist-info/"
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        tags = old.read(info + "WHEEL").replace(f"Tag: {python}-".encode(), b"Tag: cp38-")
        record = old.read(info + "RECORD").decode().splitlines()
        for item in old.infolist():
            data = old.read(item)
            if item.filename == info + "WHEEL":
                data = tags
            elif item.filename == info + "RECORD":
                data = "".join(renew(line, info + "WHEEL", tags) for line in record).encode()
            new.writestr(item, data, zipfile.ZIP_DEFLATED)
    os.unlink(wheel)
    return made


def renew(line: str, path: str, data: bytes) -> str:
    """A line of RECORD, with the digest and size that the file at path has now."""
    if not line.startswith(path + ","):
        return line + "\n"
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(data)}\n"


def build_wheel(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: Optional[str] = None
) -> str:
    if not has_limited_api():
        settings = with_limited_api_off(config_settings)
        return mesonpy.build_wheel(wheel_directory, settings, metadata_directory)
    wheel = mesonpy.build_wheel(wheel_directory, config_settings, metadata_directory)
    return retag(Path(wheel_directory, wheel)).name
