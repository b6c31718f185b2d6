"""Which architectures there are: modules of `models` that declare one, and files of a user's own.

Of a module, only the statements that its ``ARCHITECTURE`` needs are run until something is trained.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.abc import InspectLoader
from pathlib import Path
from types import CodeType, ModuleType

from ..core import texts
from ..core.errors import UserError
from ..core.fingerprint import PACKAGE
from .about import Architecture, Sizes, Work

_MODELS = f"{PACKAGE.name}.models"
_DECLARED, _NETWORK = "ARCHITECTURE", "Network"
_MOST = 2**20  # bytes of a user's file
_HELP = "CONTRIBUTING.md shows what such a file holds"


@cache
def kinds() -> tuple[str, ...]:
    """Names of all architectures of this package."""
    return tuple(
        sorted(
            path.stem
            for path in _modules()
            if any(_DECLARED in _bound(statement) for statement in _tree(path).body)
        )
    )


def _modules() -> Iterator[Path]:
    return (PACKAGE / "models").glob("*.py")


@cache
def about(kind: str, file: str | None = None) -> Architecture:
    """What an architecture of this package says of itself, or that of a user's `file`.

    Raises
    ------
    ValueError
        If there is none of that name, or the file declares none.
    """
    if file is None and kind not in kinds():
        raise ValueError(f"no architecture {kind!r}; known: {', '.join(kinds())}")
    path = PACKAGE / "models" / f"{kind}.py" if file is None else Path(file)
    tree = _tree(path)
    for wanted, what in ((_NETWORK, "class Network"), (_DECLARED, "ARCHITECTURE")):
        if not any(wanted in _bound(statement) for statement in tree.body):
            raise ValueError(f"has no {what}; {_HELP}")
    try:
        declared = _run(path, _needed(tree, _DECLARED)).ARCHITECTURE
        right = isinstance(declared, Architecture) and isinstance(
            declared.work(Sizes(v=4, s=2, L=2, classes=4, answers=1, width=4, depth=2)), Work
        )
    except Exception as error:
        raise ValueError(f"ARCHITECTURE: {_said(error)}; {_HELP}") from error
    if not right:
        raise ValueError(f"ARCHITECTURE: is no Architecture whose work is a Work; {_HELP}")
    assert isinstance(declared, Architecture)  # noqa: S101 (for the type checker)
    return declared


def summary(kind: str) -> str:
    """What an architecture of this package is, in a sentence: the first of its module."""
    text = ast.get_docstring(_tree(PACKAGE / "models" / f"{kind}.py")) or ""
    return " ".join(text.partition("\n\n")[0].split())


@cache
def name_of(file: Path) -> str:
    """The name of the architecture in a user's file, in products: that of the file.

    Raises
    ------
    ValueError
        If it cannot be one.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,31}", file.stem, re.ASCII):
        raise ValueError("names an architecture; use at most 32 letters, digits and _ in the name")
    if file.stem in {path.stem for path in _modules()}:
        raise ValueError(f"this package has its own {file.stem}; rename the file")
    return file.stem


def network_code(kind: str, file: Path | None = None) -> str:
    """What stands for the code of a network in a fingerprint."""
    return f"{file.absolute() if file else f'models.{kind}'}:{_NETWORK}"


def adopt(file: Path) -> None:
    """Make a user's file a module of `models`, from which `models.build` takes its network.

    Raises
    ------
    UserError
        If it cannot be imported.
    """
    try:
        module = _run(file, _tree(file).body, kept=True)
        if not isinstance(getattr(module, _NETWORK, None), type):
            raise ValueError(f"has no class Network; {_HELP}")
    except Exception as error:
        reason = f"{texts.line(str(file))}: {_said(error)}"
        raise UserError(f"{reason}; mend it and run again") from error


def _said(error: Exception) -> str:
    """What an exception of a user's code says, in a line."""
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return kind + texts.cut(texts.line(" ".join(str(error).split())), 200)


def _tree(path: Path) -> ast.Module:
    text = texts.read(path, _MOST)
    try:
        return ast.parse(text, filename=str(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
        raise ValueError(f"is not valid Python{line}") from error


def _needed(tree: ast.Module, name: str) -> list[ast.stmt]:
    """The statements of a module that bind a name, and all that these refer to."""
    pending, kept = [name], set[ast.stmt]()
    while pending:
        wanted = pending.pop()
        for statement in tree.body:
            if statement not in kept and wanted in _bound(statement):
                kept.add(statement)
                pending += [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return [one for one in tree.body if one in kept or "annotations" in _bound(one)]


def _bound(statement: ast.stmt) -> set[str]:
    """Names of its module that a statement binds."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {(one.asname or one.name).partition(".")[0] for one in statement.names}
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    targets = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in targets if isinstance(node.ctx, ast.Store)}


class _Statements(InspectLoader):
    """Runs some statements of a file as a module, and leaves no compiled code behind."""

    def __init__(self, path: Path, body: Sequence[ast.stmt]) -> None:
        self._path, self._body = path, [*body]

    def get_source(self, fullname: str) -> None:
        """None: what is run is no text."""

    def get_code(self, fullname: str) -> CodeType:
        """The statements, compiled; their lines are those of the file."""
        return self.source_to_code(ast.Module(self._body, []), str(self._path))


def _run(path: Path, body: Sequence[ast.stmt], kept: bool = False) -> ModuleType:
    """A module of some statements; if it is `kept`, imports of its name find it."""
    name = f"{_MODELS}.{path.stem}"
    spec = importlib.util.spec_from_loader(name, loader := _Statements(path, body))
    assert spec is not None  # noqa: S101 (it has a loader)
    module = importlib.util.module_from_spec(spec)
    if kept:
        importlib.import_module(_MODELS)
        sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        if kept:
            del sys.modules[name]
        raise
    return module
