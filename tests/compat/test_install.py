"""The ways in: `from h2q.compat import h2`, `install()`, and `python -m h2q.compat`; each in a process of its own."""

import pytest
from support import python

import h2q


def said(*arguments, **environment):
    done = python(*arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_import_leaves_h2_alone():
    assert said("-c", "import sys; from h2q.compat import h2; print(h2.__name__, 'h2' in sys.modules)") == [
        "h2q.compat.h2",
        "False",
    ]


def test_install_puts_every_module_in_place():
    script = """
import h2q.compat; h2q.compat.install(); h2q.compat.install()
import h2, h2.connection, h2.config, h2.events, h2.errors, h2.exceptions, h2.settings, h2.stream, h2.utilities
from h2.connection import H2Connection
import h2q.compat.h2.connection as ours
print(h2.connection is ours, H2Connection is ours.H2Connection, h2.events.Event.__module__)
"""
    assert said("-c", script) == ["True", "True", "h2q.compat.h2.events"]


@pytest.mark.parametrize("module", ["h2", "h2.events"])
def test_install_after_h2_says_so(module):
    pytest.importorskip("h2")
    done = python("-c", f"import {module}, h2q.compat; h2q.compat.install()")
    assert done.returncode == 1
    assert "InvalidState: h2" in done.stderr and "already imported, from" in done.stderr


def test_a_program_finds_h2q(tmp_path):
    (tmp_path / "program.py").write_text(
        "import sys, h2.connection\nprint(h2.connection.__name__, __name__, sys.argv[1:])\n"
    )
    for program in ("program", str(tmp_path / "program.py")):
        done = python("-m", "h2q.compat", program, "a", PYTHONPATH=f"{tmp_path}:{package_root()}")
        assert done.stdout.split(maxsplit=2) == ["h2q.compat.h2.connection", "__main__", "['a']\n"], done.stderr


def package_root():
    return h2q.__file__.rpartition("/h2q/")[0]


def test_console_scripts_and_what_they_spawn_find_h2q(tmp_path):
    (tmp_path / "tool.py").write_text(
        "import multiprocessing, sys\n"
        "def child():\n    import h2.connection\n    print(h2.connection.__name__, flush=True)\n"
        "def main():\n"
        "    process = multiprocessing.get_context('spawn').Process(target=child)\n"
        "    process.start()\n    process.join()\n"
        "    return None if len(sys.argv) == 2 else 'no argument'\n"
    )
    info = tmp_path / "tool-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tool\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[console_scripts]\ntool-script = tool:main\n")
    path = f"{tmp_path}:{package_root()}"
    done = python("-m", "h2q.compat", "tool-script", "x", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (0, "h2q.compat.h2.connection\n"), done.stderr
    done = python("-m", "h2q.compat", "tool-script", PYTHONPATH=path)
    assert (done.returncode, done.stderr) == (1, "no argument\n")


@pytest.mark.parametrize("name", ["no.such.module", "nothing.py", "nosuchmodule"])
def test_what_is_not_there(name):
    done = python("-m", "h2q.compat", name)
    assert done.returncode == 2
    assert name in done.stderr


def test_usage():
    assert python("-m", "h2q.compat").returncode == 2
    done = python("-m", "h2q.compat", "--help")
    assert done.returncode == 0 and done.stdout.startswith("usage: python -m h2q.compat")
