"""Neural scaling laws of hierarchical languages: grammars, exact theory, training, results.

``import rhm_scaling as rhm`` promises the names in ``__all__``, and nothing else: grammars
(`draw_grammar`, `read_grammar`) and their sentences (`sample`), what is exactly known of them
(`posterior`, `entropies`, `solve`) and of corrupted sentences (`denoise`, `restore`,
`critical_fraction`), training (`train`), what finished studies left (`load_runs`,
`load_history`, `load_curves`, `load_network`) and their figure (`draw_curves`). Where a function
takes a grammar and a task, these two come first.

The packages, from the ground up (each imports only those before it): `core`, `grammar`, `theory`,
`models`, `training`, `analysis`, `claims`, `plots`, `study`, `steps`, `run`, `publish`, `cli` and
`library`, which holds the promised names.
"""

from __future__ import annotations

import contextlib
import importlib.util
import py_compile
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .library.denoising import critical_fraction, denoise, restore
    from .library.exact import entropies, posterior, solve
    from .library.figures import draw_curves
    from .library.grammars import draw_grammar, read_grammar
    from .library.results import load_curves, load_history, load_network, load_runs
    from .library.sentences import sample
    from .library.training import train

# The module that each promised name is loaded from when it is first asked for: what imports the
# package need not wait for PyTorch.
_PROMISED = {
    **dict.fromkeys(("draw_grammar", "read_grammar"), "grammars"),
    **{"sample": "sentences", "train": "training", "draw_curves": "figures"},
    **dict.fromkeys(("posterior", "entropies", "solve"), "exact"),
    **dict.fromkeys(("denoise", "restore", "critical_fraction"), "denoising"),
    **dict.fromkeys(("load_runs", "load_history", "load_curves", "load_network"), "results"),
}
__all__ = [
    "critical_fraction",
    "denoise",
    "draw_curves",
    "draw_grammar",
    "entropies",
    "load_curves",
    "load_history",
    "load_network",
    "load_runs",
    "posterior",
    "read_grammar",
    "restore",
    "sample",
    "solve",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _PROMISED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f".library.{_PROMISED[name]}", __name__)
    found = globals()[name] = getattr(module, name)
    return found


def __dir__() -> list[str]:
    return __all__


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
