"""The programs in examples/ that other tests, the demo and the benchmarks lean on."""

import json
import signal
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "error", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_service_says_ready_and_ends_by_itself():
    with start(EXAMPLES / "service.py", "--seconds", "0.1", "--sessions", "20") as service:
        assert service.communicate(timeout=60) == ("ready\n", "")
        assert service.returncode == 0


def test_service_ends_cleanly_when_told_to():
    with start(EXAMPLES / "service.py", "--seconds", "600", "--sessions", "20") as service:
        assert service.stdout.readline() == "ready\n"
        service.send_signal(signal.SIGTERM)
        assert service.communicate(timeout=60) == ("", "")
        assert service.returncode == 0


def test_heap_says_ready_and_ends_with_its_input():
    with start(EXAMPLES / "heap.py", "1000") as heap:
        output, errors = heap.communicate(timeout=60)
        assert json.loads(output) == {"ready": True, "pid": heap.pid, "records": 50}
        assert errors == ""
        assert heap.returncode == 0
