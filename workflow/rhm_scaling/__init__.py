"""Neural scaling laws of hierarchical languages: grammars, exact theory, training packs, fits.

The packages, from the ground up (each imports only those before it): `core`, `grammar`, `theory`,
`models`, `training`, `analysis`, `claims`, `plots`, `study`, `steps`, `run`, `publish`, `cli`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import py_compile
import sys
from pathlib import Path

_BY_HASH = b"\3\0\0\0"  # the flags of compiled code that is compared with its source by hash


def _distrust_dates() -> None:
    """Let Python compare compiled modules of this package with their sources by hash.

    By itself it takes compiled code for that of a source of the same date and size, which an image,
    a checkout with fixed dates or `rsync` can give to an edited one: then the old code would run
    under the identity of the new. Code that was compiled without a hash is compiled again here.
    """
    for source in Path(__file__).parent.rglob("*.py"):
        compiled = Path(importlib.util.cache_from_source(str(source)))
        try:
            with compiled.open("rb") as file:
                by_hash = file.read(8)[4:] == _BY_HASH
        except OSError:  # there is none
            continue
        if by_hash:
            continue
        try:
            compiled.unlink()
        except OSError:  # of a folder that is not ours
            sys.pycache_prefix = str(Path(__file__))  # where nothing can be, so that none is read
            return
        if not sys.dont_write_bytecode:
            with contextlib.suppress(OSError, py_compile.PyCompileError):
                mode = py_compile.PycInvalidationMode.CHECKED_HASH
                py_compile.compile(str(source), doraise=True, invalidation_mode=mode)


_distrust_dates()
