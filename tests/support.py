"""What tests share: paths, peers, processes on the build under test, the package loaded again as pure."""

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import h2q

ROOT = Path(__file__).resolve().parent.parent
VECTORS = ROOT.parent / "shared" / "vectors"


def flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0", "false")


def peer(name: str) -> str:
    """The path of a peer's program (nghttp, nghttpd, h2load, curl, ...).

    A peer that is not installed skips the test, or fails it where H2Q_REQUIRE_PEERS is set."""
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin")
    if path is None:
        if flag("H2Q_REQUIRE_PEERS"):
            pytest.fail(f"{name} is not installed, and H2Q_REQUIRE_PEERS is set")
        pytest.skip(f"{name} is not installed")
    return path


def pure(module: str = "") -> ModuleType:
    """A module of h2q (`pure("_core")`; the package itself by default) from its Python source.

    The package is loaded a second time under the name h2q_pure; its classes are not those of `h2q`."""
    if "h2q_pure" not in sys.modules:
        origin = h2q.__file__
        if origin is None:
            raise RuntimeError("h2q has no __init__.py")
        spec = importlib.util.spec_from_file_location(
            "h2q_pure", origin, submodule_search_locations=[str(Path(origin).parent)]
        )
        if spec is None or spec.loader is None:
            raise RuntimeError(f"{origin} cannot be loaded")
        package = importlib.util.module_from_spec(spec)
        sys.modules["h2q_pure"] = package
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("H2Q_PURE", "1")
            spec.loader.exec_module(package)
    return importlib.import_module("h2q_pure." + module if module else "h2q_pure")


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the interpreter in a process of its own, on the same build of h2q as this one.

    `environment` is added to the variables; an empty value takes one away."""
    package = Path(h2q.__file__ or "").resolve().parent
    merged = os.environ | {"PYTHONPATH": str(package.parent), "PYTHONSAFEPATH": "1"} | environment
    return subprocess.run(
        [sys.executable, *arguments],
        env={name: value for name, value in merged.items() if value != ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def load_program(path: Path) -> ModuleType:
    """A program's file as a module."""
    spec = importlib.util.spec_from_file_location(f"h2q_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build_script() -> ModuleType:
    """`setup.py` as a module: what it would compile, and under which directives."""
    return load_program(ROOT / "setup.py")
