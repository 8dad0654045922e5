"""What the documents name exists, what they tell to type is understood, and their figures are those of the studies."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import pytest
import typer
from synthetic_study import make_summary

import autocompress
from autocompress import api
from autocompress.cli.main import app
from autocompress.report.serving import _lines
from autocompress.tasks.task import Task

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "studies/*/README.md")
    for path in ROOT.glob(pattern)
)
SOURCES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("autocompress", "objectives", "search_spaces", "scripts")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
PLACES = ("", "autocompress", "scripts")
SEARCHES = ("scripts/watch_search.py", "search")
LINK = re.compile(r"\]\(([^)\s]+)\)")
PYTHON_FILE = re.compile(r"(?<![\w/.{-])[A-Za-z_][\w-]*(?:/[\w-]+)+\.py\b")
PACKAGE_FOLDER = re.compile(r"`((?:autocompress|objectives|search_spaces|tests)/[\w/]+)/?`")
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```\w*\n.*?^```", re.MULTILINE | re.DOTALL)
INLINE_COMMAND = re.compile(r"`(autocompress [a-z]+ [^`]+)`")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def indented_lines(text: str) -> Iterator[str]:
    """The lines of indented code, continued ones joined."""
    block = "\n".join(line[4:] if line.startswith("    ") else "" for line in FENCED.sub("", text).splitlines())
    yield from (line for line in block.replace("\\\n", " ").splitlines() if line.strip())


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of every `autocompress` command that is to be typed; `watch_search.py` passes its own on."""
    for line in (*indented_lines(text), *INLINE_COMMAND.findall(text)):
        words = shlex.split(line, comments=True)
        if words[:2] == ["python", SEARCHES[0]]:
            words = ["autocompress", SEARCHES[1], *words[2:]]
        if words[:1] == ["autocompress"] and "..." not in words:
            yield words[1:]


def script_calls(text: str) -> Iterator[list[str]]:
    for line in indented_lines(text):
        words = shlex.split(line, comments=True)
        if words[:1] == ["python"] and words[1].startswith("scripts/"):
            yield words[1:]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_relative_link_leads_to_a_file_and_a_heading(name: str):
    for link in LINK.findall(FENCED.sub("", text_of(name))):
        if "://" in link:
            continue
        target, _, heading = link.partition("#")
        path = (ROOT / name).parent / target if target else ROOT / name
        assert path.exists(), f"{name} links to {link}"
        assert not heading or heading in anchors(path.read_text(encoding="utf-8")), f"{name} links to {link}"


@pytest.mark.parametrize("name", [*DOCUMENTS, *SOURCES])
def test_every_file_that_is_named_exists(name: str):
    text = text_of(name)
    for named in (*PYTHON_FILE.findall(text), *PACKAGE_FOLDER.findall(text)):
        assert any((ROOT / place / named).exists() for place in PLACES), f"{name} names {named}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_is_understood(name: str):
    group: Any = typer.main.get_command(app)
    for command, *arguments in commands(text_of(name)):
        assert command in group.commands, f"{name} has: autocompress {command}"
        group.commands[command].make_context(command, arguments)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_option_of_a_script_is_known_to_it(name: str):
    for script, *arguments in script_calls(text_of(name)):
        source = text_of(script)
        options = [word.partition("=")[0] for word in arguments if word.startswith("--")]
        unknown = [option for option in options if f'"{option}"' not in source]
        assert script == SEARCHES[0] or not unknown, f"{name} has: {script} {' '.join(unknown)}"


def test_the_readers_of_commands_find_them():
    assert len(list(commands(text_of("README.md")))) >= 6
    assert ["search", "--max-latency", "20ms", "--time-budget", "20m"] in list(commands(text_of("README.md")))
    assert any(words[0] == "search" for words in commands(text_of("studies/subj/README.md")))
    assert any("--seconds" in words for words in script_calls(text_of("studies/distillation/README.md")))
    assert PYTHON_FILE.findall("see `scripts/soak.py` and tasks/expected.py") == [
        "scripts/soak.py",
        "tasks/expected.py",
    ]


def test_python_examples_use_the_interface_as_it_is(monkeypatch: pytest.MonkeyPatch):
    study = create_autospec(api.Study, instance=True)
    study.front, study.state = tuple(make_summary(3).front), "finished"
    for function in ("search", "resume", "open_study"):
        stand_in = create_autospec(getattr(api, function), return_value=study)
        monkeypatch.setattr(autocompress, function, stand_in, raising=False)
    blocks = PYTHON_BLOCK.findall(text_of("docs/python.md"))
    assert len(blocks) >= 2
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), {})  # noqa: S102
    assert study.export.called and study.plot.called


def test_the_serving_lines_are_those_of_an_export():
    (block,) = PYTHON_BLOCK.findall(text_of("README.md"))
    task = Task("classification", ("text",), "sentiment", ("negative", "positive"))
    names = ("input_ids", "attention_mask")
    assert block.rstrip() == _lines("DIR/tokenizer.json", "DIR/model.onnx", task, names)
    assert ast.parse(block)


def table_rows(text: str) -> dict[str, list[str]]:
    """Cells by the first one, of all tables."""
    lines = (line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("| "))
    return {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in lines}


def test_the_figures_of_the_readme_are_the_demos():
    studied = table_rows(text_of("studies/demo/README.md"))
    shown = table_rows(text_of("README.md"))
    assert len(shown) >= 6
    for name, cells in shown.items():
        found = iter(studied[name])
        assert all(cell in found for cell in cells), f"{name}: {cells} are not, in this order, among {studied[name]}"


def test_tables_are_those_that_the_scripts_make(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import loss_curve
    import marks_table

    results = text_of("docs/results.md")
    for task in ("demo", "ag_news", "subj"):
        comparison = json.loads(text_of(f"studies/peers-{task}/peers.json"))
        assert "\n".join(marks_table.rows(comparison)) in results
        summary = json.loads(text_of(f"studies/{task}/summary.json"))
        rows = "\n".join(loss_curve.row(summary, limit) for limit in loss_curve.LOSSES)
        assert f"{loss_curve.HEADER}\n{rows}" in text_of(f"studies/{task}/README.md")
        assert text_of(f"studies/peers-{task}/table.md").strip() in text_of(f"studies/peers-{task}/README.md")
    assert marks_table.HEADER in results


def test_the_examples_of_contributing_are_code_that_the_suites_run():
    text = text_of("CONTRIBUTING.md")
    sources = [text_of(link) for link in LINK.findall(text) if Path(link).name.startswith("toy_")]
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 4 and len(sources) == 4
    for block in blocks:
        assert any(block.rstrip() in source for source in sources), block
