"""Every kernel module has a pure twin with the same public names."""

import importlib
from types import ModuleType

import pytest
from support import ROOT, pure

KERNEL = sorted(path.relative_to(ROOT).with_suffix("") for path in (ROOT / "h2q").rglob("*.pyx"))


@pytest.mark.parametrize("path", KERNEL, ids=str)
def test_public_names_are_equal(path):
    assert (ROOT / path).with_suffix(".py").exists()
    name = ".".join(path.parts[1:])

    def public(module):
        names = {key for key, value in vars(module).items() if not key.startswith("_") and is_own(module, value)}
        return names - {"TYPE_CHECKING"}

    def is_own(module, value):
        if isinstance(value, ModuleType):
            return False
        return getattr(value, "__module__", module.__name__) == module.__name__

    assert public(importlib.import_module("h2q." + name)) == public(pure(name))
