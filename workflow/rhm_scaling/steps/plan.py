"""All tables and figures of a study, put together from the parts that their steps plan."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cache

from ..core.fingerprint import fingerprint
from ..study.plan import Plan
from ..study.tables import Part, Stage
from . import tables


@cache
def table_steps() -> tuple[str, ...]:
    """Names of the steps that make tables or figures."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(tables.__path__)))


def stages(plan: Plan) -> dict[str, Stage]:
    """The tables and figures of a study by step, each after those that it reads."""
    parts: dict[str, Part] = {
        name: importlib.import_module(f"{tables.__name__}.{name}").planned(plan)
        for name in table_steps()
    }
    made = sorted(path for part in parts.values() for path in part.outputs if _is_table(path))
    parts = {
        name: replace(part, what={**part.what, "tables": made}) if part.lists else part
        for name, part in parts.items()
    }
    found: dict[str, Stage] = {}

    def add(name: str) -> None:
        if name not in found:
            for earlier in parts[name].after:
                add(earlier)
            found[name] = _stage(name, plan.study.name, parts[name], found)

    for name in parts:
        add(name)
    return found


def _is_table(path: str) -> bool:
    return path.endswith(".csv") and "/" not in path


def _stage(name: str, study: str, part: Part, found: dict[str, Stage]) -> Stage:
    before = [found[earlier] for earlier in part.after if found[earlier].outputs]
    store = [product.files[role] for product, roles in part.products for role in roles]
    specification = {
        "study": study,
        "code": fingerprint(f"steps.tables.{name}:make"),
        # paths in the store end in identities
        "reads": {"store": store, "stages": {stage.name: stage.identity for stage in before}},
        **part.what,
    }
    return Stage(
        name,
        specification,
        [f"results/{study}/{output}" for output in part.outputs],
        [product for product, _ in part.products],
        store,
        [path for stage in before for path in stage.outputs],
    )
