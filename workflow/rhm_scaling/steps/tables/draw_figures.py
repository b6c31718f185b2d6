"""Figures (PDF and PNG) of every experiment, and the table of exponents for the report."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...claims.names import GENERATION_CLAIMS, TRANSITION_CLAIMS
from ...core.files import write_text
from ...grammar.model import Parameters
from ...grammar.sparse import dense_of
from ...grammar.tasks import levels_seen
from ...study.tables import Curve, Part, Plan, figure_files
from .follow_trainings import followed
from .value_repetition import repeated

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}: exponents</title><style>
body {{ font-family: sans-serif; margin: 2em; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: 0.3em 0.8em; text-align: right; border-bottom: 1px solid #ccc; }}
th:first-child, td:first-child, td:last-child, th:last-child {{ text-align: left; }}
</style></head><body><h1>{title}</h1><p>Predicted and fitted exponents: the error of
classification, for tokens the excess over the Bayes limit, falls as <i>P</i> to minus
them.</p>{table}</body></html>
"""
_MOST = 8  # curves of a figure; of more, each grammar has one to itself


def planned(plan: Plan) -> Part:
    """Every experiment, and the study's claim."""
    study = plan.study
    families = {curve.family: curve for curve in plan.sized}
    windows = [curve for curve in plan.curves if curve.context]
    represented = dict.fromkeys(curve for curve, _ in plan.represented)
    ranked = any(plan.parameters(curve.grammar).zipf[0] is not None for curve, _ in plan.ranked)
    timed = dict.fromkeys(curve for curve, _ in plan.timed)
    controlled = dict.fromkeys(curve for curve, _, _ in plan.controls)
    traced, worth = dict.fromkeys(curve for curve, _ in followed(plan)), repeated(plan)
    sensitive = dict.fromkeys(curve for curve, _ in plan.sensitive)
    denoisers = dict.fromkeys(curve for curve, _ in plan.denoisers)
    sparse = [one for one in plan.scanned if dense_of(plan.parameters(one.grammar))[1]]
    told = [curve for curve in plan.curves if curve not in plan.scanned]  # one by one
    drawn = _by_figure(told)
    sloping = [
        name
        for name, curves in drawn.items()
        if any(
            curve.protocol == "online" or len(plan.grids[curve.experiment, curve.grammar].sizes) > 1
            for curve in curves
        )
    ]
    what = {
        "curves": _named(plan.curves),
        "families": _named(families.values()),
        "learners": plan.learners(),
        "swept": _named(plan.sweeping),
        "titles": {
            name: (experiment.title or name)
            + (f", last {experiment.context} tokens" if experiment.context else "")
            for name, experiment in study.experiments.items()
        },
        "drawn": {name: _named(curves) for name, curves in drawn.items()},
        "sloping": sloping,
        "recovering": _experiments(plan.recovering),
        "sweeping": _experiments(plan.sweeping),
        "title": study.title or study.name,
        "represented": _named(represented),
        "ranked": ranked,
        "timed": _named(timed),
        "controlled": _named(controlled),
        "scans": {name: one.scan.factor for name, one in study.experiments.items() if one.scan},
        "followed": _named(traced),
        "repeated": _experiments(worth),
        "sparse": _experiments(sparse),
        "sensitive": _named(sensitive),
        "denoisers": _named(denoisers),
        "claim": study.claim,
        **({"grammars": plan.specifications()} if study.claim or windows else {}),
    }
    kinds = {
        "recovery": plan.recovering,
        "learning_rates": plan.sweeping,
        "scaling": plan.sized,
        **dict.fromkeys(("invariance_sizes", "invariance_ratios"), represented),
        "learning_times": timed,
        "controls": controlled,
        **dict.fromkeys(("scan_laws", "scan_collapse"), plan.scanned),
        **dict.fromkeys(("training_losses", "onsets"), traced),
        "repetition": worth,
        "scan_sparsity": sparse,
        "sensitivity": sensitive,
        **dict.fromkeys(("masked", "composition"), denoisers),
    }
    names = [f"learning_curves-{name}" for name in drawn]
    names += [f"local_exponents-{name}" for name in sloping]
    names += [f"{kind}-{name}" for kind, curves in kinds.items() for name in _experiments(curves)]
    names += [f"claim-{study.claim}"] if study.claim else []
    names += ["rule_errors-classification"] if ranked else []
    after = (
        *("aggregate_curves", "fit_curves", "tabulate_theory", "gather_recovery", "compare_rates"),
        *("compare_sizes", "find_crossings", "decide_claim", "gather_representations"),
        "find_invariance",
        "gather_rule_errors",
        "gather_learning_times",
        "fit_scans",
        "follow_trainings",
        "value_repetition",
        "gather_sensitivity",
        "gather_denoisers",
        "compare_controls",
        *(["gather_denoising"] if study.claim in TRANSITION_CLAIMS else []),
    )
    tables = ["figures/exponents-table.html"] if plan.curves else []
    outputs = [*figure_files("figures", names), *tables]
    return Part(what, outputs, after=after)


def _named(curves: Iterable[Curve]) -> list[dict[str, Any]]:
    return [{"experiment": curve.experiment, **curve.key()} for curve in curves]


def _experiments(curves: Iterable[Curve]) -> list[str]:
    return sorted({curve.experiment for curve in curves})


def _by_figure(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """Curves by the name of their figure: their experiment, or, of many, it and their grammar."""
    counts = Counter(curve.experiment for curve in curves)
    grammars = Counter(experiment for experiment, _ in {(c.experiment, c.grammar) for c in curves})
    found: dict[str, list[Curve]] = {}
    for curve in curves:
        name = curve.experiment
        alone = counts[name] > _MOST and grammars[name] > 1
        found.setdefault(f"{name}-{curve.grammar}" if alone else name, []).append(curve)
    return found


def make(specification: dict[str, Any], folder: Path, root: Path) -> None:
    """Draw everything under ``figures/``."""
    from ...plots.controls import controls
    from ...plots.curves import recoveries
    from ...plots.denoisers import composition, masked
    from ...plots.invariance import invariance_ratios, invariance_sizes
    from ...plots.learning_times import learning_times
    from ...plots.rates import learning_rates
    from ...plots.rule_errors import rule_errors
    from ...plots.scans import scan_collapse, scan_laws
    from ...plots.sizes import network_sizes
    from ...plots.sparse import scan_sparsity, sensitivities
    from ...plots.style import save, style

    style()
    # identical tables make identical files: no time stamps inside
    if specification["curves"]:
        _draw_curves(specification, folder)
    if specification["claim"]:
        _draw_claim(specification, folder)
    if specification["ranked"]:
        averaged = pd.read_csv(folder / "rule_error_curves.csv")
        drawn = rule_errors(averaged, pd.read_csv(folder / "rule_collapse.csv"))
        save(drawn, folder / "figures", "rule_errors-classification")
    for experiment in dict.fromkeys(curve["experiment"] for curve in specification["represented"]):
        keys = _keys(specification["represented"], experiment)
        title = specification["titles"][experiment]
        ratios, at, thresholds = (
            pd.read_csv(folder / f"{name}.csv")
            for name in ("invariance", "invariance_sizes", "thresholds")
        )
        drawn = invariance_sizes(at.merge(keys), title)
        save(drawn, folder / "figures", f"invariance_sizes-{experiment}")
        drawn = invariance_ratios(ratios.merge(keys), thresholds, title)
        save(drawn, folder / "figures", f"invariance_ratios-{experiment}")
    for experiment in dict.fromkeys(curve["experiment"] for curve in specification["timed"]):
        keys = _keys(specification["timed"], experiment)
        times, peaks, rebuilt = (
            pd.read_csv(folder / f"{name}.csv").merge(keys)
            for name in ("learning_times", "learning_spectrum", "rebuilt_curves")
        )
        drawn = learning_times(times, peaks, rebuilt, specification["titles"][experiment])
        save(drawn, folder / "figures", f"learning_times-{experiment}")
    for experiment, factor in specification["scans"].items():
        names = ("scan_points", "scan_laws", "scan_curves", "scan_collapse")
        points, laws, scaled, collapsed = (
            table[table["experiment"] == experiment]
            for table in (pd.read_csv(folder / f"{name}.csv") for name in names)
        )
        title = specification["titles"][experiment]
        drawn = scan_laws(points, laws, factor, title)
        save(drawn, folder / "figures", f"scan_laws-{experiment}")
        drawn = scan_collapse(scaled, points, collapsed, title)
        save(drawn, folder / "figures", f"scan_collapse-{experiment}")
        if experiment in specification["sparse"]:
            drawn = scan_sparsity(points, laws, title)
            save(drawn, folder / "figures", f"scan_sparsity-{experiment}")
    if specification["followed"]:
        _draw_trainings(specification, folder)
    for experiment in dict.fromkeys(curve["experiment"] for curve in specification["sensitive"]):
        keys = _keys(specification["sensitive"], experiment)
        means, errors = (
            pd.read_csv(folder / f"{name}.csv").merge(keys)
            for name in ("sensitivity_curves", "curves")
        )
        drawn = sensitivities(means, errors, specification["titles"][experiment])
        save(drawn, folder / "figures", f"sensitivity-{experiment}")
    for experiment in dict.fromkeys(curve["experiment"] for curve in specification["denoisers"]):
        keys = _keys(specification["denoisers"], experiment)
        means, at = (
            pd.read_csv(folder / f"{name}.csv").merge(keys)
            for name in ("masked_curves", "composed_at")
        )
        title = specification["titles"][experiment]
        save(masked(means, title), folder / "figures", f"masked-{experiment}")
        save(composition(means, at, title), folder / "figures", f"composition-{experiment}")
    for experiment in dict.fromkeys(curve["experiment"] for curve in specification["controlled"]):
        keys = _keys(specification["controlled"], experiment)
        compared = pd.read_csv(folder / "controls.csv").merge(keys)
        drawn = controls(compared, specification["titles"][experiment])
        save(drawn, folder / "figures", f"controls-{experiment}")
    for experiment in specification["recovering"]:
        recovery = pd.read_csv(folder / "recovery.csv")
        found = pd.read_csv(folder / "recovered_at.csv")
        keys = _keys(specification["curves"], experiment)
        title = specification["titles"][experiment]
        drawn = recoveries(recovery.merge(keys), found.merge(keys), title)
        save(drawn, folder / "figures", f"recovery-{experiment}")
    for experiment in specification["sweeping"]:
        keys = _keys(specification["swept"], experiment)
        names = ("rates", "best_rates", "rate_scaling", "coordinates")
        networks = keys[["grammar", "task", "architecture", "depth", "context"]].drop_duplicates()
        tried = [pd.read_csv(folder / f"{name}.csv").merge(networks) for name in names]
        drawn = learning_rates(specification["titles"][experiment], *tried)
        save(drawn, folder / "figures", f"learning_rates-{experiment}")
    for experiment in dict.fromkeys(family["experiment"] for family in specification["families"]):
        families = [
            family for family in specification["families"] if family["experiment"] == experiment
        ]
        named = ("sizes", "scaling", "compute", "frontier", "levels")
        tables = [pd.read_csv(folder / f"{name}.csv") for name in named]
        drawn = network_sizes(specification["titles"][experiment], families, *tables)
        save(drawn, folder / "figures", f"scaling-{experiment}")


def _draw_trainings(specification: dict[str, Any], folder: Path) -> None:
    """Trainings step by step, of every experiment that follows them."""
    from ...plots.memorisation import onsets, repetition, training_losses
    from ...plots.style import save

    names = ["training_histories", "onsets", "onset_laws"]
    names += ["repetition", "repetition_laws"] if specification["repeated"] else []
    tables = {name: pd.read_csv(folder / f"{name}.csv") for name in names}
    for experiment in dict.fromkeys(curve["experiment"] for curve in specification["followed"]):
        keys = _keys(specification["followed"], experiment)
        title = specification["titles"][experiment]
        mine = {name: table.merge(keys) for name, table in tables.items()}
        drawn = training_losses(mine["training_histories"], mine["onsets"], title)
        save(drawn, folder / "figures", f"training_losses-{experiment}")
        drawn = onsets(mine["onsets"], mine["onset_laws"], title)
        save(drawn, folder / "figures", f"onsets-{experiment}")
        if experiment in specification["repeated"]:
            drawn = repetition(mine["repetition"], mine["repetition_laws"], title)
            save(drawn, folder / "figures", f"repetition-{experiment}")


def _draw_claim(specification: dict[str, Any], folder: Path) -> None:
    """What decides the study's claim."""
    from ...analysis.curves import CURVE_KEY
    from ...plots.claim_panels import Tables
    from ...plots.claims import claim
    from ...plots.style import save

    names: tuple[str, ...] = ("curves", "fits", "crossings", "thresholds", "theory")
    # of denoisers no levels are crossed, and a transition is of no curve
    known = names[:1] if specification["claim"] in GENERATION_CLAIMS else names
    known = names[:0] if specification["claim"] in TRANSITION_CLAIMS else known
    nothing = pd.DataFrame(columns=CURVE_KEY)
    given = {n: pd.read_csv(folder / f"{n}.csv") if n in known else nothing for n in names}
    represented = bool(specification["represented"])
    given["invariance"] = pd.read_csv(folder / "invariance.csv") if represented else pd.DataFrame()
    if specification["claim"] in TRANSITION_CLAIMS:
        given["transitions"] = pd.read_csv(folder / "transitions.csv")
    if specification["claim"] in GENERATION_CLAIMS:
        given["generated"] = pd.read_csv(folder / "generation.csv")
    grammars = {
        name: Parameters.from_specification(known)
        for name, known in specification["grammars"].items()
    }
    decided = pd.read_csv(folder / "claims.csv")
    drawn = claim(specification["claim"], decided, Tables(**given, grammars=grammars))
    save(drawn, folder / "figures", f"claim-{specification['claim']}")


def _keys(curves: list[dict[str, Any]], experiment: str) -> pd.DataFrame:
    """The columns that identify the curves of an experiment, to pick its rows of a table."""
    members = [curve for curve in curves if curve["experiment"] == experiment]
    return pd.DataFrame(members).drop(columns="experiment")


def _draw_curves(specification: dict[str, Any], folder: Path) -> None:
    """Learning curves and local exponents of every experiment, and the table of exponents."""
    from ...plots.curves import learning_curves, local_exponents
    from ...plots.style import save
    from ...plots.summary import exponent_table

    curves, fits, local, theory = (
        pd.read_csv(folder / f"{name}.csv")
        for name in ("curves", "fits", "local_exponents", "theory")
    )
    for name, drawn in specification["drawn"].items():
        experiment = drawn[0]["experiment"]
        keys, title = _keys(drawn, experiment), specification["titles"][experiment]
        title += f", {drawn[0]['grammar']}" if name != experiment else ""
        mine = curves.merge(keys)
        mine["learner"] = mine["architecture"].map(specification["learners"])
        known = theory[theory["grammar"].isin(keys["grammar"])]
        known = known[known["task"] == keys["task"].iloc[0]]
        for window in keys[keys["context"] > 0].to_dict("records"):
            grammar = Parameters.from_specification(specification["grammars"][window["grammar"]])
            above = known["level"] > levels_seen(grammar, window["context"])
            known = known[~((known["grammar"] == window["grammar"]) & above)]
        figure = learning_curves(mine, fits, known, title)
        save(figure, folder / "figures", f"learning_curves-{name}")
        if name in specification["sloping"]:
            figure = local_exponents(mine, local, fits, title)
            save(figure, folder / "figures", f"local_exponents-{name}")
    table = exponent_table(fits).to_html(index=False, border=0)
    page = _PAGE.format(title=html.escape(specification["title"]), table=table)
    write_text(folder / "figures" / "exponents-table.html", page)
