"""The guide of a study that decides a claim: what it shows and what was found, with its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd

from ..analysis.curves import CURVE_KEY, failures, rows_of
from ..analysis.invariance import NO_SIZES, mean_or_bound, order_of_levels
from ..claims.frozen import rules_of
from ..claims.names import TRANSITION_CLAIMS, ClaimName
from ..claims.verdicts import DISAGREES, NEARER
from ..grammar.model import Parameters
from .claims_page import predicted, subject, training
from .numbers import number, size, with_interval

_RULES = "arXiv:2505.07067 (power-law distributed production rules)"
_LEARNERS = "arXiv:2505.07070 (convolutional networks and transformers)"
_LATENT = "arXiv:2605.27734 (latent prediction)"
_COMPOSING = "arXiv:2502.12089 (composition learnt by denoising)"
_DENOISING = "arXiv:2402.16991 and 2410.13770 (denoising)"
_SOURCES: dict[ClaimName, str] = {
    "A1": (
        f"The control of {_RULES}: the statement that with uniform rules a class is learnt "
        "at `n m^L` sentences."
    ),
    "A2": (f"The main statement of {_RULES}: classification error falls as `P^(-a/(1+a))`."),
    "A3": (
        f"The statement of {_RULES} that hierarchy changes the constant of the power law, "
        "not its exponent."
    ),
    "A4": (f"The statement of {_RULES} on next-token prediction."),
    "B1": (f"The statement of {_LEARNERS} that the loss follows the levels' thresholds."),
    "B2": (f"The statement of {_LEARNERS} on transformers."),
    "B3": (f"The statement of {_LEARNERS} on convolutional networks and their exponent."),
    "B4": (f"The statement of {_LEARNERS} on hidden representations."),
    "B5": (
        f"The control that the theory of {_LEARNERS} suggests: locality without weight sharing."
    ),
    "C1": f"The main statement of {_LATENT}, of which only a summary was at hand.",
    "C2": f"The scale of {_LATENT}, of which only a summary was at hand.",
    "D1": f"The transition of {_DENOISING}, of which only summaries were at hand.",
    "D2": f"The main statement of {_COMPOSING}, of which only a summary was at hand.",
}
_CAVEATS: dict[ClaimName, str] = {
    "A1": (
        "`n m^L` counts what the correlations of label and patches need. Where `f < 1`, "
        "sentences carry more than these correlations, and deep networks may need fewer "
        "sentences."
    ),
    "A2": (
        "Theory learns every rule from its correlation with the label alone. Once the "
        "frequent rules and the levels above are known, a network can tell a rarer rule "
        "from its context, with fewer sentences: then the curve is steeper. Near the last "
        "of the `m_1` rules it falls faster, too."
    ),
    "A3": (
        "The same reason holds for the constant: what is known of upper levels shortens the"
        " way from the label to a rule, so that depth may cost less than the correlations "
        "say."
    ),
    "A4": (
        "Zipf rules also make a level's symbols easier to guess, which changes the level's "
        "own threshold; at few levels this moves a fitted exponent a little."
    ),
    "B1": (
        "A transition is about a decade wide, so steps merge at `m` of 2 to 4 and no "
        "plateau is seen; a smooth power law would be crossed as well, and only how well "
        "it foretells sizes that were held out tells it from levels. One ratio of sizes is "
        "compared, of level 3 over level 2: that it is the same at all levels is not tested."
    ),
    "B2": (
        "Only levels from 3 on tell the two learners apart. Sizes themselves are several "
        "times the predicted ones for all levels; only their growth is predicted."
    ),
    "B3": (
        "Only levels from 3 on tell the two learners apart. A level cannot be learnt before"
        " the one below: where both thresholds are close, the later crossing moves with the"
        " earlier."
    ),
    "B4": (
        "A layer is measured, not a neuron; invariance is relative to what another symbol changes."
    ),
    "B5": (
        "A locally connected network has the right locality, but each position must learn "
        "the rules for itself. A fully connected network, which has neither, is drawn "
        "beside."
    ),
    "C1": (
        "No network is trained: a learner that clusters shows what the correlations suffice for. "
        "Deeper levels have more pairs of siblings in a sentence, so the top level decides."
    ),
    "C2": (
        "No network is trained: a learner that clusters shows what the correlations suffice for. "
        "Its first groups are by sibling tuples, and only the next by codes."
    ),
    "D1": (
        "Posteriors are exact, so that what is tested is the argument of a fixed point at a finite "
        "depth, not a network. Every level of a draw has rules of its own, so that single draws "
        "cross beside their fixed point."
    ),
    "D2": (
        "Correlations of the last token stand for those of all masked ones. Whether they count "
        "once a sentence, or once for each symbol of a level, is open: a range is predicted."
    ),
}


def guide(
    name: ClaimName,
    study: str,
    grammars: Mapping[str, Parameters],
    curves: pd.DataFrame,
    criteria: pd.DataFrame,
    power: pd.DataFrame,
    order: str = "",
) -> str:
    """The guide, as Markdown.

    Parameters
    ----------
    name, study
        Of the claim and the study.
    grammars
        The study's, by name.
    curves, criteria, power
        ``curves.csv``, ``claims.csv`` and ``power.csv``, which is empty if nothing was foreseen.
    order
        `order_of_invariance`, of studies that measure hidden layers.
    """
    verdict = str(criteria["claim_verdict"].iloc[0])
    parts = [
        f"# {name}: {verdict}",
        rules_of(name).claims[name].statement,
        f"**What it reproduces.** {_SOURCES[name]}",
        f"**What was done.** {_done(name, grammars, curves)}",
        "**What was found.**",
        "\n".join(_found(row, power) for row in criteria.to_dict("records")),
        *([f"**In which order layers become invariant.** {order}"] if order else []),
        *([] if name in TRANSITION_CLAIMS else [_trained(criteria)]),
        f"**What differs, and why.** {_differs(criteria)} {_CAVEATS[name]}",
        f"**How to go on.** {_next(criteria)} Figure: `figures/claim-{name}.pdf`; {_beside(name)}. "
        "To change one parameter, edit the study and run it again: `make run STUDY=...`; only what "
        "depends on it is made. Results: "
        f"`results/{study}/`.",
    ]
    return "\n\n".join(parts) + "\n"


def _beside(name: ClaimName) -> str:
    if name in TRANSITION_CLAIMS:
        return "curves of posteriors: `denoising/denoising-*.pdf`"
    return "curves with fits and predictions: `figures/learning_curves-*.pdf`"


def order_of_invariance(each: pd.DataFrame, sizes: pd.DataFrame) -> str:
    """In which order layers become half invariant to levels, and what all at once would give.

    Parameters are ``half_invariant.csv`` and ``invariance_sizes.csv``.
    """
    told = []
    for key, rows in sizes.groupby(CURVE_KEY, sort=False):
        curve = dict(zip(CURVE_KEY, key))
        cells = [(*mean_or_bound(row), row) for row in rows.to_dict("records")]
        reached = sorted((cell for cell in cells if np.isfinite(cell[0])), key=itemgetter(0))
        listed = ", ".join(
            f"({row['layer']}, {row['level']}) {sign}{size(value)}"
            + (f" on {row['draws']} of {row['rule_draws']}" if sign else "")
            for value, sign, row in reached
        )
        order = order_of_levels(rows_of(each, curve))
        levels = " before ".join(map(str, order.levels))
        told.append(
            f"- `{curve['grammar']}`, {curve['architecture']} of width {curve['width']}: "
            f"{listed or 'none'}. In layer {order.layer}, the deepest, level {levels} on "
            f"{order.in_order} of {order.draws} rule draws ({order.undecided} undecided); all at "
            f"once would give this order on {order.by_chance:.2g} of them, and on so many or more "
            f"with probability {order.as_many_by_chance:.2g}."
        )
    if not told:
        return f"Nothing is known: {NO_SIZES}."
    return (
        "(layer, level) by the size at which synonyms of the level change the layer half as much "
        "as other symbols do, geometric mean over rule draws; < and >: a bound, where some draws "
        "do so before the smallest or beyond the largest size that counts. Were all levels learnt "
        "at once, chance alone would decide their order on a rule draw. Figure: "
        "`figures/invariance_sizes-*.pdf`.\n\n" + "\n".join(told)
    )


def _done(name: ClaimName, grammars: Mapping[str, Parameters], curves: pd.DataFrame) -> str:
    if name in TRANSITION_CLAIMS:
        return "Nothing was trained: posteriors of corrupted sentences (`transitions.csv`)."
    told = []
    for _, rows in curves.groupby(CURVE_KEY, sort=False):
        key = rows.iloc[0]
        p = grammars[key["grammar"]]
        rules = ", ".join(f"Zipf {a:g} at level {n}" for n, a in enumerate(p.zipf, 1) if a)
        width = f" of width {key['width']}" if key["width"] else ""
        failed = ", ".join(f"{count} {status}" for status, count in failures(rows).items())
        online = ", online" if key["protocol"] == "online" else ""
        v = p.specification()["v"]  # by level only where levels differ
        told.append(
            f"- `{key['grammar']}` (`v={v} n={p.n} s={p.s} L={p.L}`, `m` by level "
            f"{', '.join(map(str, p.m))}; {rules or 'uniform rules'}), "
            f"{key['architecture']}{width}{online}: "
            f"{rows['sentences'].min():.0f} to {rows['sentences'].max():.0f} sentences, "
            f"{rows['rule_draws'].max():.0f} rule draws, {failed}"
        )
    return "Learning curves of:\n\n" + "\n".join(told)


def _found(row: Mapping[Any, Any], power: pd.DataFrame) -> str:
    keys = [name for name in ("criterion", "about") if name in power]  # none: nothing was foreseen
    mine = power[(power[keys] == pd.Series(row)[keys]).all(axis=1)] if keys else power
    weight = "" if row["decisive"] else " (not decisive: it does not tell the claim from its rival)"
    limit = "" if pd.isna(row["limit"]) else f", in the limit {number(row['limit'])}"
    said = (
        f"- *{subject(row)}*: {row['verdict']}{weight}. {row['rule']}: "
        f"{with_interval(row['estimate'], row['low'], row['high'], '–')}; "
        f"predicted for these draws {predicted(row)}{limit}; "
        f"rival ({row['rival_is']}) {number(row['rival'])}."
    )
    if not pd.isna(row["claim_agrees"]):
        said += (
            f" Of made-up studies with this scatter, {row['claim_agrees']:.0%} agreed when the "
            f"claim held and {row['rival_agrees']:.0%} when its rival did."
        )
    if len(mine) and np.isfinite(mine["half_width"].iloc[0]):
        said += f" Half-width expected before training: {number(mine['half_width'].iloc[0])}."
    left = row.get("left_out")
    return said + ("" if not left or pd.isna(left) else f" Left out, for want of {left}.")


def _trained(criteria: pd.DataFrame) -> str:
    head = "**Whether training limits it.**"
    controls, limited, differing = training(criteria)
    if not controls:
        return f"{head} Not tested: no experiment of the study has `controls`."
    said = f"{head} {controls} (`controls.csv`). The verdict does not depend on them."
    lines = "\n".join(f"- {line}" for line in [*limited, *differing])
    return f"{said}\n\n{lines}" if lines else said


def _differs(criteria: pd.DataFrame) -> str:
    said = []
    for row in criteria.to_dict("records"):
        if not np.isfinite(row["estimate"]):
            said.append(f"*{subject(row)}* could not be estimated.")
        elif row["verdict"] in (DISAGREES, NEARER) or row["holds"] in (False, "False"):
            side = "above" if row["estimate"] > row["prediction"] else "below"
            said.append(f"*{subject(row)}* is measured {side} what is predicted here.")
    return " ".join(said) or "All estimates hold the predicted values in their intervals."


def _next(criteria: pd.DataFrame) -> str:
    needed: Sequence[str] = [
        f"*{subject(row)}* needs {row['needed']}."
        for row in criteria.to_dict("records")
        if not pd.isna(row["needed"]) and row["needed"]
    ]
    return " ".join(needed) or "Every criterion is decided."
