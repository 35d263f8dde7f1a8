"""Which version of a module is loaded: the pure switch, the warning, and what an import drags in."""

import ast
import json
import re
import sys
from importlib.machinery import EXTENSION_SUFFIXES

import pytest
from support import ROOT, build_script, pure, python

import h2q
from h2q import errors

SUFFIXES = (".py", ".pyx", ".pxd")

LIST_MODULES = """
import importlib, json, pathlib, sys
import h2q
root = pathlib.Path(h2q.__file__).parent
for source in sorted(root.rglob("*.py")):
    parts = source.relative_to(root.parent).with_suffix("").parts
    if parts[-1] not in ("__init__", "__main__"):
        importlib.import_module(".".join(parts))
loaded = {name: module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "h2q"}
print(json.dumps([h2q.COMPILED, loaded]))
"""


@pytest.fixture
def compiled_names(monkeypatch):
    monkeypatch.chdir(ROOT)
    script = build_script()
    return {".".join(source.with_suffix("").parts) for source in script.kernel_sources() + script.engine_sources()}


def loaded_modules(**environment):
    result = python("-c", LIST_MODULES, **environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_switch_loads_every_submodule_from_source(compiled_names):
    compiled, files = loaded_modules(H2Q_PURE="1")
    assert compiled is False
    assert compiled_names <= files.keys()
    assert [name for name, file in files.items() if not file.endswith(".py")] == []


@pytest.mark.skipif(not h2q.COMPILED, reason="the pure version is what runs")
def test_every_module_of_the_compiled_layers_is_an_extension(compiled_names):
    compiled, files = loaded_modules(H2Q_PURE="")
    assert compiled is True
    extensions = {name for name, file in files.items() if file.endswith(tuple(EXTENSION_SUFFIXES))}
    assert extensions == compiled_names


def test_the_package_loads_twice_in_one_process():
    assert pure().COMPILED is False
    assert pure("_core") is not sys.modules["h2q._core"]
    assert pure("_core").__file__.endswith("_core.py")
    assert pure("errors").H2QError is not errors.H2QError


def test_reloading_adds_no_second_finder():
    code = (
        "import importlib, sys, h2q\n"
        "before = len(sys.meta_path)\n"
        "importlib.reload(h2q)\n"
        "assert len(sys.meta_path) == before\n"
        "assert h2q.COMPILED is False\n"
    )
    result = python("-c", code, H2Q_PURE="1")
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def sources_only(tmp_path_factory):
    """The package as a machine without a compiler gets it."""
    folder = tmp_path_factory.mktemp("sources")
    for source in (ROOT / "h2q").rglob("*.py"):
        target = folder / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return folder


def test_pure_by_accident_warns(sources_only):
    result = python("-c", "import h2q; print(h2q.COMPILED)", PYTHONPATH=str(sources_only), H2Q_PURE="")
    assert (result.returncode, result.stdout) == (0, "False\n")
    assert "RuntimeWarning" in result.stderr
    assert "--no-cache-dir --force-reinstall" in result.stderr


def test_pure_on_purpose_does_not_warn(sources_only):
    result = python("-W", "error", "-c", "import h2q", PYTHONPATH=str(sources_only), H2Q_PURE="1")
    assert (result.returncode, result.stderr) == (0, "")


def test_importing_http2_leaves_cryptography_out():
    unwanted = ("cryptography", "ssl", "asyncio")
    code = f"import sys, h2q, h2q.http2; print([name for name in {unwanted} if name in sys.modules])"
    result = python("-c", code)
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr


def absolute_imports(source):
    if source.suffix == ".py":
        for node in ast.walk(ast.parse(source.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if any(name.split(".")[0] == "h2q" for name in names):
                yield node.lineno
    else:
        for number, line in enumerate(source.read_text().splitlines(), 1):
            if re.match(r"\s*(from h2q\b|c?import h2q\b)", line):
                yield number


def test_relative_imports_only():
    sources = [path for path in (ROOT / "h2q").rglob("*") if path.suffix in SUFFIXES]
    assert [f"{source.relative_to(ROOT)}:{line}" for source in sources for line in absolute_imports(source)] == []


def test_files_stay_readable():
    sources = [path for path in (ROOT / "h2q").rglob("*") if path.suffix in SUFFIXES]
    lengths = {str(source.relative_to(ROOT)): len(source.read_text().splitlines()) for source in sources}
    assert {name: length for name, length in lengths.items() if length > 1000} == {}
