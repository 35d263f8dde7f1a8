"""What an engine's `.pxd` declares and what its classes name in `__slots__` are the same set."""

import ast

import pytest
from support import ROOT, build_script

pytest.importorskip("Cython")
from Cython.Compiler import Nodes, Options, Parsing
from Cython.Compiler.Main import Context
from Cython.Compiler.Scanning import FileSourceDescriptor, PyrexScanner


def declared_attributes(pxd):
    """The attributes of each cdef class of a `.pxd`, as Cython's own parser reads them."""
    options = Options.CompilationOptions(Options.default_options, language_level=3)
    context = Context.from_options(options)
    source = FileSourceDescriptor(str(pxd), pxd.name)
    with open(pxd, encoding="utf-8") as stream:
        scanner = PyrexScanner(stream, source, source_encoding="utf-8", scope=Scope(), context=context)
        tree = Parsing.p_module(scanner, True, pxd.stem)
    return {node.class_name: set(attributes_of(node)) for node in classes_of(tree.body)}


class Scope:
    """As much of a module's scope as the scanner asks for."""

    included_files: list = []


def classes_of(node):
    if isinstance(node, Nodes.CClassDefNode):
        yield node
    for child in getattr(node, "stats", ()):
        yield from classes_of(child)


def attributes_of(node):
    for member in getattr(node.body, "stats", [node.body]):
        if isinstance(member, Nodes.CVarDefNode):
            for declarator in member.declarators:
                while not isinstance(declarator, (Nodes.CNameDeclaratorNode, Nodes.CFuncDeclaratorNode)):
                    declarator = declarator.base
                if isinstance(declarator, Nodes.CNameDeclaratorNode):
                    yield declarator.name


def slots(source):
    """`__slots__` of each class of a module; None where a class has none."""
    found = {}
    for node in ast.parse(source.read_text(), str(source)).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = None
            for statement in node.body:
                targets = statement.targets if isinstance(statement, ast.Assign) else []
                if any(isinstance(target, ast.Name) and target.id == "__slots__" for target in targets):
                    value = ast.literal_eval(statement.value)
                    found[node.name] = {value} if isinstance(value, str) else set(value)
    return found


def mismatches(source):
    """One line for each attribute that is only in the `.pxd` or only in `__slots__`."""
    named = slots(source)
    for class_name, attributes in declared_attributes(source.with_suffix(".pxd")).items():
        own = named.get(class_name)
        if own is None:
            yield f"{class_name}: no class of this name with __slots__"
            continue
        for attribute in sorted(attributes - own):
            yield f"{class_name}.{attribute}: declared, not in __slots__"
        for attribute in sorted(own - attributes):
            yield f"{class_name}.{attribute}: in __slots__, not declared"


def test_engines_declare_their_slots(monkeypatch):
    monkeypatch.chdir(ROOT)
    engines = build_script().engine_sources()
    assert {str(source): found for source in engines if (found := list(mismatches(ROOT / source)))} == {}


PXD = """
cimport cython
from libc.stdint cimport int64_t

cdef int64_t helper(int64_t n)

@cython.final
cdef class Window:
    cdef public int64_t size, limit
    cdef readonly object owner
    cdef dict _by_id
    cdef list parts
    cdef object hook
    cpdef int64_t take(self, int64_t n)
    cdef void drop(self) noexcept

cdef class Empty:
    pass

cdef class Child(Window):
    cdef object extra
"""

AGREES = """
class Window:
    __slots__ = ("size", "limit", "owner", "_by_id", "parts", "hook")
class Empty:
    __slots__ = ()
class Child(Window):
    __slots__ = ("extra",)
class Undeclared:
    pass
"""


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("", "", []),
        ('"owner", ', "", ["Window.owner: declared, not in __slots__"]),
        ('"size"', '"size", "spare"', ["Window.spare: in __slots__, not declared"]),
        (
            '("extra",)',
            '"other"',
            ["Child.extra: declared, not in __slots__", "Child.other: in __slots__, not declared"],
        ),
        ("    __slots__ = ()", "    pass", ["Empty: no class of this name with __slots__"]),
    ],
)
def test_the_check_itself(tmp_path, before, after, found):
    source = tmp_path / "sample.py"
    source.write_text(AGREES.replace(before, after))
    source.with_suffix(".pxd").write_text(PXD)
    assert list(mismatches(source)) == found
