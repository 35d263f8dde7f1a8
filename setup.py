"""Builds the two compiled layers of h2q: the kernel (`.pyx`) and the engines (`.py` with a sibling `.pxd`).

Environment: H2Q_REQUIRE_CYTHON=1 makes a missing compiler fatal, H2Q_SKIP_CYTHON=1 builds the pure version,
H2Q_CHECKED=1 builds with overflow and bounds checks in the engines and sanitizers on the kernel.
Without a working C compiler the install is pure, and says so; once compilation starts, any failure is fatal.
"""

import hashlib
import importlib.util
import os
import sys
import tempfile
from distutils.ccompiler import new_compiler
from distutils.sysconfig import customize_compiler, get_python_inc
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, ExecError, PlatformError

PACKAGE = Path("h2q")
# What is compiled follows from what is there: a `.pyx` is kernel, a `.py` with a sibling `.pxd` is an engine.


def kernel_sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.pyx"))


def engine_sources() -> list[Path]:
    return sorted(
        path.with_suffix(".py")
        for path in PACKAGE.rglob("*.pxd")
        if path.with_suffix(".py").exists() and not path.with_suffix(".pyx").exists()
    )


def flag(name: str) -> bool:
    return os.environ.get(name, "") not in ("", "0")


CHECKED = flag("H2Q_CHECKED")

DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,
    "nonecheck": True,
    "embedsignature": False,
    "auto_pickle": False,
    "binding": False,
}
KERNEL_DIRECTIVES = DIRECTIVES | {"boundscheck": CHECKED, "wraparound": False}
ENGINE_DIRECTIVES = DIRECTIVES | {"boundscheck": True, "wraparound": True, "overflowcheck": CHECKED}

RELEASE_ARGS = [] if os.name == "nt" else ["-O3", "-g0"]
if sys.platform == "linux":
    # Nobody replaces a symbol inside an extension: calls in it need no detour. 3 to 7 per cent.
    RELEASE_ARGS += ["-fno-semantic-interposition", "-fno-plt"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
SANITIZED_ARGS = ["-O1", "-g1", "-fno-omit-frame-pointer", *SANITIZE]


def processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def extension(source: Path, compile_args: list[str], link_args: list[str]) -> Extension:
    name = ".".join(source.with_suffix("").parts)
    return Extension(name, [str(source)], extra_compile_args=compile_args, extra_link_args=link_args)


def kernel() -> list[Extension]:
    args, links = (SANITIZED_ARGS, SANITIZE) if CHECKED else (RELEASE_ARGS, [])
    return [extension(source, args, links) for source in kernel_sources()]


def engines() -> list[Extension]:
    # Their checks are Cython's; optimizing behind them would cost minutes of compilation and find nothing.
    args = ["-O1", "-g0"] if CHECKED else RELEASE_ARGS
    return [extension(source, args, []) for source in engine_sources()]


class BuildLayers(build_ext):
    """`build_ext` that translates each layer under its own directives, in a folder named after them."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.parallel is None:
            self.parallel = processors()

    def build_extensions(self) -> None:
        kernel_names = {extension.name for extension in kernel()}
        self.translate([e for e in self.extensions if e.name in kernel_names], KERNEL_DIRECTIVES)
        self.translate([e for e in self.extensions if e.name not in kernel_names], ENGINE_DIRECTIVES)
        super().build_extensions()

    def translate(self, extensions: list[Extension], directives: dict[str, object]) -> None:
        import Cython
        from Cython.Build import cythonize

        if not extensions:
            return
        # Cython does not look at directives when it decides what is stale; a folder for each set does.
        key = hashlib.sha256(repr((Cython.__version__, sorted(directives.items()))).encode()).hexdigest()[:12]
        translated = cythonize(
            extensions,
            build_dir=str(Path("build", "cython", key)),
            nthreads=processors(),
            compiler_directives=directives,
            force=self.force,
        )
        sources = {extension.name: extension.sources for extension in translated}
        for extension in extensions:
            extension.sources = sources[extension.name]


def obstacle() -> str | None:
    """Why nothing can be compiled here, or None when a compiler reads Python.h."""
    if importlib.util.find_spec("Cython") is None:
        return "Cython is not installed"
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder, "probe.c")
        probe.write_text("#include <Python.h>\nint probe(void) { return PY_MAJOR_VERSION; }\n")
        try:
            compiler = new_compiler()
            customize_compiler(compiler)
            compiler.compile([str(probe)], output_dir=folder, include_dirs=[get_python_inc()])
        except (CompileError, ExecError, PlatformError, OSError) as error:
            return f"no C compiler that reads Python.h ({error})"
    return None


def extensions() -> list[Extension]:
    if flag("H2Q_SKIP_CYTHON"):
        return []
    reason = obstacle()
    if reason is None:
        return kernel() + engines()
    if flag("H2Q_REQUIRE_CYTHON"):
        raise SystemExit(f"h2q: H2Q_REQUIRE_CYTHON is set, but {reason}")
    print(f"h2q: WARNING: {reason}; building the pure Python version, which is much slower", file=sys.stderr)
    return []


if __name__ == "__main__":
    setup(ext_modules=extensions(), cmdclass={"build_ext": BuildLayers})
