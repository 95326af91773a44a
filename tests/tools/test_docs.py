"""The documentation is a whole: no page that nothing leads to, no link into nothing."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_the_documentation_is_made_without_a_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    api = (tmp_path / "site/api.html").read_text(encoding="utf-8")
    for name in (
        "memexplorer.capture",
        "memexplorer.memutil.refs",
        "memexplorer._memexplorer.Doomed",
    ):
        assert f'id="{name}"' in api


def test_every_page_can_be_found() -> None:
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name in configuration
