"""What made a result: canonical specifications, identities, source fingerprints, safe writing."""

from __future__ import annotations

import ast
import glob
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent


class UserError(Exception):
    """A mistake or a fault that the user can mend; its text is one line and says how."""


class StoppedError(UserError):
    """A job that was asked to stop, and has kept what it needs to go on."""


def canonical_json(value: Any) -> str:
    """`value` as JSON whose bytes do not depend on the order of keys or on white space."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def identity(specification: Any) -> str:
    """Twelve hexadecimal digits (48 bits) of the SHA-256 of a canonical specification."""
    return hashlib.sha256(canonical_json(specification).encode()).hexdigest()[:12]


def seed_from(*parts: Any) -> int:
    """A 64-bit seed from what it is for: equal parts give equal seeds, whatever runs beside."""
    digest = hashlib.sha256(canonical_json(parts).encode()).digest()
    return int.from_bytes(digest[:8], "little")


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            value = first.value if isinstance(first, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                node.body = node.body[1:] or [ast.Pass()]
    return tree


def _imported(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    """Dotted names, relative to the package, that `module` may import from inside it."""
    here = module.split(".") if module else []
    parent = here if is_package else here[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = parent[: len(parent) - node.level + 1]
            elif (node.module or "").split(".")[0] == PACKAGE.name:
                base = []
            else:
                continue
            inside = (node.module or "").split(".") if node.level else node.module.split(".")[1:]  # type: ignore[union-attr]
            stem = [*base, *[part for part in inside if part]]
            yield ".".join(stem)
            for alias in node.names:
                yield ".".join([*stem, alias.name])
        elif isinstance(node, ast.Import):
            for alias in node.names:
                first, *rest = alias.name.split(".")
                if first == PACKAGE.name:
                    yield ".".join(rest)


def _source(module: str) -> tuple[Path, bool] | None:
    path = PACKAGE.joinpath(*module.split(".")) if module else PACKAGE
    if path.with_suffix(".py").is_file() and module:
        return path.with_suffix(".py"), False
    if (path / "__init__.py").is_file():
        return path / "__init__.py", True
    return None


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]] | None:
    found = _source(module)
    if found is None:
        return None
    path, is_package = found
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    imports = tuple(dict.fromkeys(_imported(tree, module, is_package)))
    # unparsed text, unlike ast.dump, hardly varies between versions of Python
    return ast.unparse(_without_docstrings(tree)), imports


@cache
def fingerprint(*modules: str) -> str:
    """What the code of `modules`, and all that they import inside this package, does.

    Hashes the syntax trees without comments, formatting and docstrings of the transitive closure
    of imports (imports inside functions too), so that a reworded comment keeps the fingerprint
    and a changed helper changes it. Modules loaded by name at run time (the architectures) must
    be named by the caller.

    Raises
    ------
    ValueError
        If a named module does not exist.
    """
    closure: dict[str, str] = {}
    pending = list(modules)
    for module in modules:
        if _source(module) is None:
            raise ValueError(f"no module {module!r} in {PACKAGE.name}")
    while pending:
        module = pending.pop()
        if module in closure:
            continue
        read = _read(module)
        if read is None:  # a name inside a module, not a module
            continue
        closure[module], imports = read
        pending.extend(imports)
    return identity(closure)


def write_aside(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `path`, then move it into place.

    The file appears whole or not at all, whenever the process is killed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    aside = Path(name)
    try:
        write(aside)
        umask = os.umask(0)
        os.umask(umask)
        aside.chmod(0o666 & ~umask)  # mkstemp makes private files; results are shared
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what killed writers of `path` left beside it."""
    for aside in path.parent.glob(f".{glob.escape(path.name)}.*"):
        aside.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` whole or not at all."""
    write_aside(path, lambda aside: aside.write_text(text, encoding="utf-8"))


def write_if_changed(path: Path, text: str) -> bool:
    """Write `text` only when it differs, so that the time stamp says when the *content* changed."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True
