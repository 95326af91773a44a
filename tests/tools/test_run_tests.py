"""tools/run-tests: what it counts as passed and as failed."""

import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "run-tests"


@pytest.fixture(scope="module")
def run_tests():
    loader = SourceFileLoader("run_tests", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run_tests", loader))
    sys.modules["run_tests"] = module
    loader.exec_module(module)
    return module


@pytest.fixture
def result_of(run_tests, tmp_path):
    """The result of a runner that writes this report and ends with this exit code."""

    def result_of(report, exit_code):
        path = tmp_path / "report.xml"
        script = f"open({str(path)!r}, 'w').write({report!r}); raise SystemExit({exit_code})"
        command = [sys.executable, "-c", script]
        return run_tests.run(run_tests.Runner("made up", command, path, {}))[:3]

    return result_of


GOOD = "<testcase name='a'/>"
BAD = "<testcase name='b'><failure/></testcase>"
BROKEN = "<testcase name='c'><error/></testcase>"
SKIPPED = "<testcase name='d'><skipped/></testcase>"


def suite(*cases):
    return "<testsuites><testsuite>" + "".join(cases) + "</testsuite></testsuites>"


def test_failures_errors_and_skips_are_told_apart(result_of):
    assert result_of(suite(GOOD, GOOD, BAD, BROKEN, SKIPPED), 1) == (2, 2, 1)


def test_success_counts_nothing_as_failed(result_of):
    assert result_of(suite(GOOD), 0) == (1, 0, 0)


def test_runner_that_dies_after_passing_counts_as_a_failure(result_of):
    assert result_of(suite(GOOD), 3) == (1, 1, 0)


def test_runner_without_a_test_counts_as_a_failure(result_of):
    assert result_of(suite(), 0) == (0, 1, 0)
    assert result_of(suite(SKIPPED), 0) == (0, 1, 1)


def test_runner_without_a_report_counts_as_a_failure(result_of):
    assert result_of("", 0) == (0, 1, 0)


def test_report_of_an_earlier_run_is_not_believed(run_tests, tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(suite(GOOD))
    runner = run_tests.Runner("made up", [sys.executable, "-c", "pass"], path, {})
    assert run_tests.run(runner)[:3] == (0, 1, 0)
