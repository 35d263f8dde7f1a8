"""Every Python block of README.md and docs/ runs, and every shell block names commands that exist."""

import ast
import asyncio
import inspect
import re
import shlex

import pytest
from support import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, *languages):
    """(line number, text) of each fenced block of one of the languages."""
    text = page.read_text(encoding="utf-8")
    found = [match for match in BLOCK.finditer(text) if match[1] in languages]
    return [(text.count("\n", 0, match.start(2)), match[2]) for match in found]


def run(code, filename, line, namespace):
    tree = ast.parse(code, filename)
    ast.increment_lineno(tree, line)
    compiled = compile(tree, filename, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if compiled.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(compiled, namespace))
    else:
        exec(compiled, namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    """The blocks of a page run in order and share their names; output is compared nowhere, a failure is."""
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__documentation__"}
    for line, code in blocks(page, "python"):
        run(code, str(page), line, namespace)


def make_targets():
    rules = re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return set(rules)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_blocks_name_what_exists(page):
    unknown = []
    for line, text in blocks(page, "sh", "bash", "console", "shell"):
        for offset, command in enumerate(text.splitlines()):
            words = shlex.split(command.removeprefix("$ "), comments=True)
            if words[:1] == ["make"]:
                targets = {word for word in words[1:] if "=" not in word and not word.startswith("-")}
                unknown += [f"{page.name}:{line + offset + 1}: make {t}" for t in targets - make_targets()]
            unknown += [
                f"{page.name}:{line + offset + 1}: {word}"
                for word in words
                if re.match(r"(tests|benchmarks|examples|docs|\.ci)/", word) and not (ROOT / word).exists()
            ]
    assert unknown == []


def test_every_documented_make_target_is_phony():
    text = (ROOT / "Makefile").read_text()
    phony = set(" ".join(re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)).split())
    assert make_targets() == phony
