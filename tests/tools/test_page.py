"""The page of a traced program tells its story, step by step, and nothing breaks out of it."""

import json
import subprocess
from pathlib import Path

import pytest
from memexplorer.tracing import page

ROOT = Path(__file__).resolve().parent.parent.parent
CANNOT_BE_HAD = 3  # exit code of tools/get-npm
NASTY = "</script><script>alert(1)</script><!--"


def story() -> page.Story:
    """a = Thing(); b = a; del a; b = None, in a file whose name and text are nasty."""
    lines = ["a = Thing()", "b = a  # " + NASTY, "del a", "b = None"]
    base = {"file": 0, "names": [], "references": [], "counts": [], "born": [], "died": []}
    return {
        "title": "app.py " + NASTY,
        "about": "CPython 3.13.0",
        "files": [{"name": "app.py", "lines": lines}],
        "objects": [
            {"label": "<Thing>" + NASTY, "born": "app.py:1", "died": "app.py:4", "cause": "count"}
        ],
        "steps": [
            {**base, "line": 1, "texts": [("born", "Thing is born")], "names": [("main", "a", 0)],
             "counts": [(0, 1)], "born": [0]},
            {**base, "line": 2, "texts": [("bound", "b: 1 -> 2")], "names": [("main", "b", 0)],
             "counts": [(0, 2)]},
            {**base, "line": 3, "texts": [], "names": [("main", "a", None)], "counts": [(0, 1)]},
            {**base, "line": 4, "texts": [("died", "Thing died")], "names": [("main", "b", None)],
             "died": [0]},
        ],
    }  # fmt: skip


def bring(what: str) -> str:
    done = subprocess.run([ROOT / "tools/get-npm", what], capture_output=True, text=True)
    if done.returncode == CANNOT_BE_HAD:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_page_is_gone_through_step_by_step(tmp_path: Path) -> None:
    bring("page")
    path = tmp_path / "page.html"
    path.write_text(page.render(story()), encoding="utf-8")
    done = subprocess.run(
        ["node", ROOT / "tests/tools/page.mjs", bring("jsdom"), path, "l0-2"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["errors"] == []
    assert seen["title"] == "app.py " + NASTY
    steps = seen["steps"]
    assert [step["here"] for step in steps] == [[line] for line in story()["files"][0]["lines"]]
    assert [step["changes"] for step in steps] == [
        ["Thing is born"], ["b: 1 -> 2"], [], ["Thing died"],
    ]  # fmt: skip
    label = "<Thing>" + NASTY
    assert [step["objects"] for step in steps] == [
        [[label, "1", "app.py:1", "", ""]],
        [[label, "2", "app.py:1", "", ""]],
        [[label, "1", "app.py:1", "", ""]],
        [[label, "0", "app.py:1", "app.py:4", "count"]],
    ]
    assert seen["clicked"]["place"] == "step 2 of 4, app.py:2"


def test_a_page_fetches_nothing_and_holds_what_it_is_told_apart(tmp_path: Path) -> None:
    bring("page")
    text = page.render(story())
    assert text.count("</script>") == 3  # the story, what draws, what steps
    assert "alert(1)</script>" not in text
    assert ' src="' not in text.split("<script")[0]
    assert "<link" not in text


def test_without_what_draws_it_a_page_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("page.html", "page.css", "page.js"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(page, "_HERE", tmp_path)
    with pytest.raises(page.PageError) as failure:
        page.render(story())
    assert "npm" in str(failure.value)
    assert "\n" not in str(failure.value)
