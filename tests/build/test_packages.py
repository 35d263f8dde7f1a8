"""The sdist and the wheels made of it: what is in them, and that they install and run in a clean environment."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import pytest
from support import ROOT

import h2q

pytestmark = pytest.mark.slow

REMOVED = ("PYTHONPATH", "H2Q_PURE", "H2Q_REQUIRE_CYTHON", "H2Q_SKIP_CYTHON", "H2Q_CHECKED")


def run(*command, cwd, **environment):
    merged = {name: value for name, value in os.environ.items() if name not in REMOVED}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=merged | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def checked_run(*command, cwd, **environment):
    result = run(*command, cwd=cwd, **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The unpacked sdist."""
    folder = tmp_path_factory.mktemp("sdist")
    checked_run(
        sys.executable, "setup.py", "-q", "egg_info", "--egg-base", folder, "sdist", "-d", folder, cwd=ROOT
    )
    (archive,) = folder.glob("h2q-*.tar.gz")
    with tarfile.open(archive) as contents:
        contents.extractall(folder, filter="data")
    unpacked = folder / archive.name.removesuffix(".tar.gz")
    # Translating everything to C once more would be most of the time; files keep theirs, so what is stale is redone.
    if (ROOT / "build" / "cython").is_dir():
        shutil.copytree(ROOT / "build" / "cython", unpacked / "build" / "cython")
    return unpacked


def wheel(sdist, folder, **environment):
    result = checked_run(sys.executable, "setup.py", "-q", "bdist_wheel", "-d", folder, cwd=sdist, **environment)
    (built,) = folder.glob("*.whl")
    return built, result.stderr


def names(path):
    with zipfile.ZipFile(path) as contents:
        return set(contents.namelist())


def install(built, folder):
    """A clean environment with the wheel in it; h2q's dependencies are those of the interpreter that runs the tests."""
    environment = folder / "venv"
    checked_run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=folder)
    python = environment / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    checked_run(
        sys.executable, "-m", "pip", "-q", "--python", python, "install", "--no-deps", "--no-index", built, cwd=folder
    )
    (site,) = environment.rglob("site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


EXERCISE = """
import pathlib, h2q, h2q.http2
assert "venv" in pathlib.Path(h2q.__file__).parts, h2q.__file__
print(h2q.COMPILED, h2q.__version__)
"""


def sources(pattern):
    return {str(path.relative_to(ROOT)) for path in (ROOT / "h2q").rglob(pattern)}


def test_the_sdist_holds_every_source(sdist):
    held = {str(path.relative_to(sdist)) for path in sdist.rglob("*") if path.is_file()}
    wanted = sources("*.py") | sources("*.pyx") | sources("*.pxd")
    assert wanted | {"h2q/py.typed", "LICENSE", "README.md", "pyproject.toml", "setup.py", "Makefile"} <= held
    assert [name for name in held if re.search(r"\.(so|c|pyc)$", name) and name.startswith("h2q/")] == []


@pytest.mark.skipif(not h2q.COMPILED, reason="the pure version is what runs")
def test_a_compiled_wheel_installs_and_runs(sdist, tmp_path):
    built, _ = wheel(sdist, tmp_path, H2Q_REQUIRE_CYTHON="1")
    held = names(built)
    assert sources("*.py") | sources("*.pxd") | {"h2q/py.typed"} <= held
    assert [name for name in held if name.endswith((".c", ".pyx", ".html"))] == []
    assert {name.split(".")[0] for name in held if name.endswith((".so", ".pyd"))} >= {
        source.removesuffix(".pyx") for source in sources("*.pyx")
    }
    python = install(built, tmp_path)
    result = checked_run(python, "-W", "error", "-c", EXERCISE, cwd=tmp_path)
    assert result.stdout == f"True {h2q.__version__}\n"
    result = checked_run(python, "-W", "error", "-c", EXERCISE, cwd=tmp_path, H2Q_PURE="1")
    assert result.stdout == f"False {h2q.__version__}\n"
    cimports_from(python, tmp_path)


def cimports_from(python, folder):
    """Cython code outside h2q builds against the `.pxd` files that are installed, and calls the kernel."""
    (folder / "user.pyx").write_text(
        "from h2q._core cimport FrameReader\n"
        "def heads(bytes data):\n"
        "    cdef FrameReader reader = FrameReader()\n"
        "    reader.feed(data)\n"
        "    return [reader.stream_id] if reader.next_head() else []\n"
    )
    script = "from setuptools import Extension, setup; setup(ext_modules=[Extension('user', ['user.pyx'])])"
    checked_run(python, "-c", script, "-q", "build_ext", "--inplace", cwd=folder)
    call = "import user; print(user.heads(bytes([0, 0, 0, 4, 0, 0, 0, 0, 7])))"
    assert checked_run(python, "-c", call, cwd=folder).stdout == "[7]\n"


def test_without_a_compiler_the_install_is_pure_and_says_so(sdist, tmp_path):
    built, said = wheel(sdist, tmp_path, CC="/nonexistent/cc")
    assert built.name.endswith("-py3-none-any.whl")
    assert "WARNING: no C compiler" in said
    assert sources("*.py") <= names(built)
    assert [name for name in names(built) if name.endswith((".so", ".pyd"))] == []
    python = install(built, tmp_path)
    result = checked_run(python, "-c", EXERCISE, cwd=tmp_path)
    assert result.stdout == f"False {h2q.__version__}\n"
    assert "RuntimeWarning: h2q runs without its compiled modules" in result.stderr


def test_a_missing_compiler_is_fatal_where_one_is_required(sdist, tmp_path):
    command = (sys.executable, "setup.py", "-q", "bdist_wheel", "-d", tmp_path)
    result = run(*command, cwd=sdist, CC="/nonexistent/cc", H2Q_REQUIRE_CYTHON="1")
    assert result.returncode != 0
    assert "H2Q_REQUIRE_CYTHON is set" in result.stderr
    assert list(tmp_path.glob("*.whl")) == []


def test_the_pure_wheel_on_request(sdist, tmp_path):
    built, said = wheel(sdist, tmp_path, H2Q_SKIP_CYTHON="1")
    assert built.name.endswith("-py3-none-any.whl")
    assert "WARNING" not in said
