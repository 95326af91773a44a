"""Runs a script under `memexplorer trace`, for the tests."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple, Union

import pytest

TRACE = "import sys; from memexplorer.tracing.command import main; sys.exit(main(sys.argv[1:]))"

skip_where_not_traced = pytest.mark.skipif(
    bool(sysconfig.get_config_var("Py_GIL_DISABLED")) and sys.version_info < (3, 14),
    reason="free-threaded before 3.14: not traced",
)

Done = subprocess.CompletedProcess


def run_traced(
    script: Union[Path, str],
    tmp_path: Path,
    *arguments: str,
    options: Sequence[str] = (),
    **more: Any,
) -> Tuple[Done, List[Dict[str, Any]]]:
    path = tmp_path / "events.json"
    command = [sys.executable, "-c", TRACE, "--json", str(path), *options, str(script), *arguments]
    done = subprocess.run(command, capture_output=True, timeout=120, **more)
    return done, [json.loads(line) for line in path.read_text().splitlines()]
