"""What counts as the code that made a result.

The unit is the definition: a function, a class or a constant of a module. A product's fingerprint
covers the definitions that its step can reach, wherever they stand; comments, docstrings, what an
exception says, imports and the names of modules do not enter. So a reworded error, a moved module
or an edit to a function that the step never calls keeps an identity, and a changed operator in
anything that it can call changes it.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import chain, count
from pathlib import Path
from typing import Any

from .hashing import identity
from .remembered import Remembered

PACKAGE = Path(__file__).parents[1]
_OWN = ["models", ""]

Definition = tuple[str, int]  # a module's dotted name, and the place of a statement in it


@dataclass
class _Module:
    """The statements of a module, and what its names stand for.

    Attributes
    ----------
    statements
        Those of its body that are not imports.
    defined
        By name, the places of the statements that bind it.
    imported
        By name, the module of this package and the name in it that it was imported from; the name
        is empty where it is a whole module.
    foreign
        By name, what it was imported from outside this package.
    folder
        The parts of the name of the package that it stands in.
    lines
        Its text.
    """

    folder: list[str]
    lines: list[str]
    statements: list[ast.stmt] = field(default_factory=list)
    defined: dict[str, list[int]] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    foreign: dict[str, str] = field(default_factory=dict)


@cache
def fingerprint(*roots: str) -> str:
    """What the code does that stands behind some definitions.

    Parameters
    ----------
    roots
        Definitions as ``module:name``, modules as seen from this package. What is loaded by name at
        run time (the architectures) has to be among them; a module of the user's own has the
        absolute path of its file in place of a name.

    Raises
    ------
    ValueError
        If there is no such definition.
    """
    if any("/" in root for root in roots):  # not of this package alone
        return _found(*roots)
    return _remembered().found(" ".join(roots), lambda: _found(*roots))


@cache
def _texts() -> dict[Path, str]:
    """All modules of this package, as they were when the first was asked for."""
    return {path: path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}


@cache
def _remembered() -> Remembered:
    return Remembered(PACKAGE, _texts())


def _found(*roots: str) -> str:
    found: set[Definition] = set()
    for root in roots:
        module, _, name = root.rpartition(":")
        places = _read(module).defined.get(name, []) if _source(module) else []
        if not places:
            raise ValueError(f"no definition {root!r} in {PACKAGE.name}")
        found |= {(module, place) for place in places}
    return identity(sorted(_coloured(_closure(found)).values()))


def _closure(roots: Iterable[Definition]) -> set[Definition]:
    """Definitions that can be reached, and what else runs when their modules are imported."""
    pending, found, modules = list(roots), set[Definition](), set[str]()
    while pending:
        definition = pending.pop()
        if definition in found:
            continue
        found.add(definition)
        pending += [one for _, reached in _statement(*definition)[1] for one in reached]
        module, _ = definition
        if module not in modules:
            modules.add(module)
            pending += _effects(module)
    return found


@cache
def _effects(module: str) -> list[Definition]:
    """Statements of a module that bind no name, and run when it is imported."""
    known = _read(module)
    bound = {place for places in known.defined.values() for place in places}
    return [(module, place) for place in range(len(known.statements)) if place not in bound]


def _coloured(closure: set[Definition]) -> dict[Definition, str]:
    """A hash of each definition that also tells what its names stand for, and theirs in turn.

    Hashes are refined by those of what they refer to until no more definitions are told apart, so
    that two functions of one name and one text differ if what they call does.
    """
    rounds = 0
    colours = {definition: _colour(definition, rounds) for definition in closure}
    while True:
        rounds += 1
        refined = {definition: _colour(definition, rounds) for definition in closure}
        if len(set(refined.values())) == len(set(colours.values())):
            return refined
        colours = refined


@cache
def _colour(definition: Definition, rounds: int) -> str:
    """A hash of a definition and of what it refers to, so many references away."""
    own, references = _statement(*definition)
    if not rounds:
        return own
    named = [
        [name, sorted(_colour(one, rounds - 1) for one in reached)] for name, reached in references
    ]
    return identity([_colour(definition, rounds - 1), named])


def _source(module: str) -> Path | None:
    """The file of a module of this package, or of a user's own."""
    if "/" in module:
        return Path(module)
    path = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    files = [path.with_suffix(".py"), path / "__init__.py"] if module else [path / "__init__.py"]
    return next((file for file in files if file in _texts()), None)


@cache
def _read(module: str) -> _Module:
    path = _source(module)
    if path is None:
        raise ValueError(f"no module {module!r} in {PACKAGE.name}")
    # a user's own module is an architecture, as if it lay with the others
    parts = _OWN if "/" in module else module.split(".") if module else []
    folder = parts if path.name == "__init__.py" else parts[:-1]
    text = path.read_text(encoding="utf-8") if "/" in module else _texts()[path]
    tree = ast.parse(text, filename=str(path))
    known = _Module(folder, text.split("\n"))
    for statement in _without_docstring(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            inside, outside = _imports(statement, folder)
            known.imported |= inside
            known.foreign |= outside
            continue
        place = len(known.statements)
        known.statements.append(statement)
        for name in _bound(statement):
            known.defined.setdefault(name, []).append(place)
        if not isinstance(statement, _SCOPES):  # imports under a condition
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    inside, outside = _imports(node, folder)
                    known.imported |= inside
                    known.foreign |= outside
    return known


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _imports(
    statement: ast.Import | ast.ImportFrom, folder: list[str]
) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """What names stand for after an import: in this package, and outside it."""
    inside: dict[str, tuple[str, str]] = {}
    outside: dict[str, str] = {}
    for alias in statement.names:
        bound = alias.asname or alias.name
        if isinstance(statement, ast.Import):
            first, *rest = alias.name.split(".")
            if first == PACKAGE.name:
                inside[bound] = ".".join(rest), ""
            else:
                outside[bound if alias.asname else first] = alias.name
            continue
        stem = (statement.module or "").split(".") if statement.module else []
        if statement.level:
            stem = folder[: len(folder) - statement.level + 1] + stem
        elif stem[:1] == [PACKAGE.name]:
            stem = stem[1:]
        else:
            outside[bound] = f"{statement.module}.{alias.name}"
            continue
        whole = ".".join([*stem, alias.name])
        inside[bound] = (whole, "") if _source(whole) else (".".join(stem), alias.name)
    return inside, outside


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Names of its module that a statement binds."""
    if isinstance(statement, _SCOPES):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, _SCOPES):
            yield node.name


def _resolved(module: str, name: str) -> list[Definition]:
    """The definitions that a name of a module stands for; none outside this package."""
    known = _read(module)
    if name in known.defined:
        return [(module, place) for place in known.defined[name]]
    return _origin(*known.imported[name]) if name in known.imported else []


def _origin(source: str, name: str) -> list[Definition]:
    """The definitions behind an import: of a name, or of a module, of which all may be meant."""
    if name:
        return _resolved(source, name)
    return [(source, place) for place in range(len(_read(source).statements))]


@cache
def _statement(module: str, place: int) -> tuple[str, list[tuple[str, list[Definition]]]]:
    """A hash of a statement's own text, and the definitions that each of its names stands for."""
    known = _read(module)
    statement = known.statements[place]
    text = _text(statement, known.lines)
    names = _global_names(text)
    imported, foreign = known.imported, known.foreign
    for node in ast.walk(statement) if "import " in text else ():  # what it imports goes before
        if isinstance(node, ast.Import | ast.ImportFrom):
            inside, outside = _imports(node, known.folder)
            imported, foreign = imported | inside, foreign | outside
    imported = {name: imported[name] for name in names & imported.keys()}
    stands_for = {
        name: _origin(*imported[name]) if name in imported else _resolved(module, name)
        for name in names
    }
    whole = {name for name, (_, within) in imported.items() if not within}
    normal = _Normal(imported, {name: stands_for[name] for name in names - whole})
    parts = normal.of(statement)
    reached = normal.reached | {name: stands_for[name] for name in whole - normal.modules}
    outside = {name: foreign[name] for name in names & foreign.keys()}
    own = identity([parts, sorted(outside.items())])
    return own, [(name, reached[name]) for name in sorted(reached) if reached[name]]


def _text(statement: ast.stmt, lines: list[str]) -> str:
    """A statement of a module as it is written, or another text of the same if it shares a line."""
    end: Any = statement.end_lineno
    after = lines[end - 1].encode()[statement.end_col_offset :].strip()
    if statement.col_offset or (after and not after.startswith(b"#")):
        return ast.unparse(statement)
    decorators = getattr(statement, "decorator_list", [])
    first = min(part.lineno for part in (statement, *decorators))
    return "\n".join(lines[first - 1 : end])


def _global_names(text: str) -> set[str]:
    """Names in a statement that stand for something of its module, or that it imports itself."""
    table = symtable.symtable(text, "", "exec")
    pending, found = [table], set[str]()
    while pending:
        table = pending.pop()
        pending += table.get_children()
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            read = symbol.is_referenced() if top else symbol.is_global()
            if read or symbol.is_imported():
                found.add(symbol.get_name())
    return found


class _Normal:
    """A statement as lists, without what does not change what it does.

    That is docstrings, arguments of raised exceptions, imports from this package, and what differs
    between versions of Python; ``module.name`` is written as ``name``, so that a module can be
    renamed.

    Attributes
    ----------
    imported
        What its names stand for that are imported from this package.
    reached
        Definitions by name; of those that it names by way of their module, two may share a name.
    modules
        Names of modules that stand for nothing else.
    """

    def __init__(
        self, imported: dict[str, tuple[str, str]], plain: dict[str, list[Definition]]
    ) -> None:
        self.imported = imported
        self.reached = {name: found for name, found in plain.items() if found}
        self.modules: set[str] = set()

    def of(self, node: Any) -> list[Any]:
        """A part of the statement; a body that is left empty keeps a ``pass``."""
        if not isinstance(node, ast.AST):
            # unlike repr, ascii does not ask this version's tables of Unicode what can be printed
            return [type(node).__name__, ascii(node)]
        if isinstance(node, ast.Attribute) and (label := self._named(node)):
            return ["Name", ["id", self.of(label)]]
        parts: list[Any] = [type(node).__name__]
        for name in node._fields:
            value = None if name in _NO_PARTS else getattr(node, name, None)
            if isinstance(value, list):
                if found := [self.of(part) for part in self._counting(node, name, value)]:
                    parts.append([name, found])
            elif name == "exc" and isinstance(value, ast.Call):
                parts.append([name, self.of(value.func)])
            elif value is not None:
                parts.append([name, self.of(value)])
        return parts

    def _counting(self, node: ast.AST, name: str, parts: list[Any]) -> list[Any]:
        """Those of a node's parts that count."""
        if isinstance(node, ast.JoinedStr):  # early releases of 3.12 add empty parts
            return [part for part in parts if getattr(part, "value", None) != ""]
        if name in _BODIES:
            if name == "body" and isinstance(node, _SCOPES):
                parts = _without_docstring(parts)
            parts = [part for part in parts if not self._drops(part)]
            if name == "body" and not parts:
                return [ast.Pass()]
        return parts

    def _drops(self, node: Any) -> bool:
        """Whether it is an import of this package, or from it."""
        if not isinstance(node, ast.Import | ast.ImportFrom):
            return False
        return any((alias.asname or alias.name) in self.imported for alias in node.names)

    def _named(self, node: ast.Attribute) -> str | None:
        """The name of a ``module.name``, which is then noted, or its number if another has it."""
        inner = node.value
        if isinstance(inner, ast.Name) and inner.id in self.imported:
            source, name = self.imported[inner.id]
            if not name and (found := _resolved(source, node.attr)):
                self.modules.add(inner.id)
                labels = chain([node.attr], (f"{node.attr} {number}" for number in count(2)))
                return next(one for one in labels if self.reached.setdefault(one, found) == found)
        return None


_NO_PARTS = ("ctx", "kind", "type_comment")
_BODIES = ("body", "orelse", "finalbody")  # lists of statements


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """A body without the strings that stand in it as statements."""
    return [
        statement
        for statement in body
        if not (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        )
    ]
