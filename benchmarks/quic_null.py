"""Compiles `null_aead.pyx` when a benchmark asks for it, and puts it in the place of packet protection.

The extension is built in a folder of its own and is gone with the process.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h2q

NAME = "h2q_null_aead"
SOURCE = Path(__file__).with_name("null_aead.pyx")


@functools.cache
def null_key() -> type[Any]:
    """The class NullKey, with the constructor of PacketKey. Needs the compiled h2q, Cython and a C compiler."""
    if not h2q.COMPILED or h2q.__file__ is None:
        raise RuntimeError("a null AEAD exists for the compiled h2q alone")
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension

    folder = Path(tempfile.mkdtemp(prefix="h2q-null-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = Path(shutil.copy(SOURCE, folder / f"{NAME}.pyx"))
    extension = Extension(NAME, [str(source)], extra_compile_args=["-O2", "-g0"])
    include = [str(Path(h2q.__file__).parent.parent)]
    distribution = Distribution({"name": NAME, "ext_modules": cythonize([extension], include_path=include, quiet=True)})
    command = distribution.get_command_obj("build_ext")
    command.build_lib = command.build_temp = str(folder)
    command.ensure_finalized()
    command.run()
    spec = importlib.util.spec_from_file_location(NAME, command.get_ext_fullpath(NAME))
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{NAME} was built and cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    key: type[Any] = module.NullKey
    return key


@contextmanager
def without_encryption() -> Iterator[type[Any]]:
    """Connections that are made and finish their handshake in here protect nothing, on both sides."""
    from h2q.quic import protection

    key, before = null_key(), protection.PacketKey
    protection.PacketKey = key  # type: ignore[misc]
    try:
        yield key
    finally:
        protection.PacketKey = before  # type: ignore[misc]
