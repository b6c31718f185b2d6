"""What the page on claims and the README say of the claims is what the kept tables say."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import yaml

from helpers.documents import ROOT, prose, reference, text_of
from rhm_scaling.analysis.curves import student_factor
from rhm_scaling.analysis.rule_errors import collapse


def judged() -> pd.DataFrame:
    """Claim, verdict and rule draws of each claim."""
    night = reference("claims/night").groupby("claim").first().reset_index()
    return night[["claim", "claim_verdict", "rule_draws"]]


def bracketed(table: pd.DataFrame) -> list[str]:
    """Growths with their intervals; a dash where there is none."""
    return [
        f"{r.growth:.2f} [{r.growth_low:.2f}, {r.growth_high:.2f}]"
        if np.isfinite(r.growth)
        else "–"
        for r in table.itertuples()
    ]


def test_what_is_said_of_the_claims_is_the_reference() -> None:
    text = text_of("docs/claims.md")
    both = pd.concat([reference("claims/laptop"), reference("claims/night")])
    attending = reference("b2-attention/claims").query("criterion == 'the double ratio'")
    told = "double ratio is {:.2f} [{:.2f}, {:.2f}] ({:.2f} to {:.2f}), still farther beyond."
    columns = ["estimate", "low", "high", "prediction_low", "prediction_high"]
    assert told.format(*attending[columns].squeeze()) in prose("docs/claims.md")
    assert {*attending["claim_verdict"]} == {"undetermined"}
    levels = reference("b2-attention/thresholds").query("architecture == 'attention'")
    known = {*bracketed(levels)}
    times = (levels["crossed_at"] / levels["threshold"]).to_list()
    told = f"Level 3 comes at {times[2]:.0f} times its threshold, level 2 at {times[1]:.0f} times,"
    assert told in prose("docs/claims.md")
    both = pd.concat([both, attending, reference("claims/finer")])
    known |= {f"{r.estimate:.2f} [{r.low:.2f}, {r.high:.2f}]" for r in both.itertuples()}
    growths = pd.concat([reference("b1-night/thresholds"), reference("b5-night/thresholds")])
    known |= {*bracketed(growths)}
    told = re.findall(r"-?[0-9.]+ \[-?[0-9.]+, -?[0-9.]+\]", text)
    assert len(told) >= 10 and {*told} <= known
    rows = re.findall(r"^\| ([AB]\d) \| (.*?) \| (\d+) \|", text, re.M)
    assert rows == [tuple(map(str, row)) for row in judged().itertuples(index=False)]
    ((rule, day),) = {*zip(both["criteria"], both["frozen"], strict=True)}
    assert f"rule with hash `{rule}`" in prose("docs/claims.md")
    assert f"of {day} " in prose("docs/claims.md")
    assert f"on {day} (rule `{rule}`" in prose("README.md")


def test_what_is_said_of_both_protocols_is_the_reference() -> None:
    text = prose("docs/claims.md")
    night, laptop = (
        reference(f"claims/{scale}").groupby("claim")["claim_verdict"].first()
        for scale in ("night", "laptop")
    )
    assert "gives the same verdicts, but for A4, which is *undetermined* there." in text
    assert [*night.index[night != laptop[night.index]]] == ["A4"]
    assert laptop["A4"] == "undetermined"
    table = reference("b1-night/crossings")
    crossed = table[np.isfinite(table["crossed_at"])]
    place = [crossed[key] for key in ("protocol", "architecture", "grammar", "level")]
    times = np.log(crossed["crossed_at"] / crossed["threshold"])
    means = np.exp(times.groupby(place).mean()).unstack("level")
    ends = means[[2, 3]].stack().groupby(["protocol", "architecture"]).agg(["min", "max"])
    finite, online = ends.loc["finite"], ends.loc["online"]
    told = "CNNs are learnt at {:.1f} to {:.1f} times the predicted sizes, those of transformers at"
    assert told.format(*finite.loc["cnn"]) in text
    assert "transformers at {:.1f} to {:.1f} times. ".format(*finite.loc["transformer"]) in text
    told = "cost {:.0f} to {:.0f} and {:.0f} to {:.0f} times the predicted sizes"
    assert told.format(*online.loc["cnn"], *online.loc["transformer"]) in text
    rise = (means[3] / means[2])["online"]
    assert (rise["cnn"] < 1).all() and rise["transformer"]["deep-m3"] > 1


def test_the_table_of_growths_is_the_reference() -> None:
    """Each number in its own cell."""
    rows = {}
    names = {"cnn": "CNN", "lcn": "locally connected", "fcn": "fully connected"}
    both = pd.concat([reference("b5-night/thresholds"), reference("b1-night/thresholds")])
    upper = both[both["level"] == 3].drop_duplicates(["architecture", "protocol", "grammar"])
    for (network, protocol), mine in upper.groupby(["architecture", "protocol"]):
        cells = mine.set_index("grammar").reindex([f"deep-m{m}" for m in (2, 3, 4)])
        rows[f"{names.get(str(network), network)}, {protocol}"] = bracketed(cells)
    known = upper[(upper["architecture"] == "cnn") & (upper["protocol"] == "online")]
    for name, kind in (("CNNs", "cnn"), ("all others", "transformer")):
        ordered = known.sort_values("grammar")[f"growth_predicted_{kind}"]
        rows[f"thresholds of {name}"] = [f"{growth:.1f}" for growth in ordered]
    text = text_of("docs/claims.md")
    assert len(rows) == 10  # and attention alone
    alone = reference("b2-attention/thresholds").query("architecture == 'attention' & level == 3")
    rows["attention, online"] = ["–", *bracketed(alone), "–"]
    for name, cells in rows.items():
        assert f"| {name} | {' | '.join(cells)} |" in text


def double_ratio_on_finite_sets(grammar: str) -> list[float]:
    """The ends of its interval, as a logarithm, over rule draws."""
    table = reference("b1-night/crossings").query("protocol == 'finite'")
    mine = table[table["grammar"] == grammar]
    crossed = np.log(mine.pivot(index="rule_seed", columns=["architecture", "level"])["crossed_at"])
    growth = crossed.xs(3, axis=1, level="level") - crossed.xs(2, axis=1, level="level")
    ratios = growth["transformer"] - growth["cnn"]
    half = student_factor(len(ratios)) * ratios.std() / np.sqrt(len(ratios))
    return [ratios.mean() - half, ratios.mean() + half]


def test_what_is_said_of_growths_beside_thresholds_is_the_reference() -> None:
    text, table = prose("docs/claims.md"), reference("b1-night/thresholds")
    finite = table[(table["protocol"] == "finite") & (table["level"] == 3)]
    grown = finite.pivot(index="architecture", columns="grammar", values="growth")
    expected = finite.pivot(index="architecture", columns="grammar", values="growth_predicted")
    beyond = (grown / expected).loc["cnn"]
    assert f"those of CNNs faster, by a factor of {beyond.min():.1f} to {beyond.max():.1f}." in text
    (two, three), (two_expected, three_expected) = (
        (t.loc["transformer"] / t.loc["cnn"])[["deep-m2", "deep-m3"]] for t in (grown, expected)
    )
    told = f"at `m` = 3 alone {three:.1f}, where thresholds have {three_expected:.1f}."
    assert told in text
    told = f"{np.log(two):.2f} at `m` = 2, where thresholds have {np.log(two_expected):.2f}, and "
    low, high = double_ratio_on_finite_sets("deep-m3")
    told += f"{np.log(three):.2f}, between {low:.2f} and {high:.2f}, at `m` = 3, where they have "
    smooth = reference("claims/night").query(
        "claim == 'B2' & criterion == 'the double ratio' & about == 'transformer, online'"
    )["prediction_low"]
    told += f"{np.log(three_expected):.2f} and the smoothest steps {smooth.item():.2f}."
    assert told in text


def test_zipf_rules_change_the_first_step_by_a_fifth_at_most() -> None:
    told = "the width of the curve's first step changes by a fifth at most."
    assert told in prose("docs/claims.md")
    widths = reference("claims/night").query("criterion == 'the local shape differs'")
    assert np.exp(widths[["low", "high"]].abs().to_numpy().max()) - 1 <= 0.2


def shares_of_growth(study: str) -> list[float]:
    """Of the predicted growth of the size, as a logarithm: with m at L = 3 and 4, with L."""
    table = reference(f"{study}/crossings")
    mean = np.log(table[["crossed_at", "threshold"]]).groupby(table["grammar"]).mean()
    steps = [("L3-m4", "L3-m8"), ("L4-m4", "L4-m8"), ("L3-m4", "L4-m4"), ("L3-m8", "L4-m8")]
    grown = [mean.loc[after] - mean.loc[before] for before, after in steps]
    return [step["crossed_at"] / step["threshold"] for step in grown]


def test_thresholds_of_classification_grow_less_with_depth_than_with_m() -> None:
    with_m, deep_with_m, *with_depth = shares_of_growth("a1-night")
    told = f"in `m` ({deep_with_m:.2f} to {with_m:.2f} of the predicted logarithm) than in depth "
    told += "({:.2f} and {:.2f}); only `m` and `L` were varied".format(*with_depth)
    assert told in prose("docs/claims.md")


def test_what_more_sizes_change_is_the_reference() -> None:
    text, both = prose("docs/claims.md"), []
    for scale in ("night", "finer"):
        table = reference(f"claims/{scale}").set_index(["claim", "criterion"])
        both.append(table.loc[["A1", "A2", "A3"]])
    night, finer = both
    assert (night["claim_verdict"] == finer["claim_verdict"]).all()
    grown = finer.loc[("A3", "the constant grows with depth"), "prediction"]
    assert "the predicted growth is {:.2f} and {:.2f},".format(*grown) in text
    moved = (finer["estimate"] - night["estimate"]).loc["A2"].abs().max()
    assert moved < 0.01 and "the slopes of A2 change by less than 0.01." in text
    with_depth = shares_of_growth("a1-finer")[2:]
    assert "the shares of depth are {:.2f} and {:.2f}.".format(*with_depth) in text


def test_what_is_said_of_transformers_layers_is_the_reference() -> None:
    text = prose("docs/claims.md")
    table = reference("b4-night/half_invariant")
    deepest = table[(table["architecture"] == "transformer") & (table["layer"] == 4)]
    half, crossed = (
        deepest.pivot(index="rule_seed", columns="level", values=column)
        for column in ("half_at", "crossed_at")
    )
    reached = np.isfinite(half[2])
    assert (len(reached), reached.sum()) == (12, 11) and "The other eleven do so" in text
    apart = np.log(half[2] / half[1])[reached].mean()
    assert f"do so {apart:.2f} after level 1, as far apart as thresholds are" in text
    thresholds = reference("b1-night/thresholds")
    (growth,) = thresholds.query(
        "architecture == 'transformer' & protocol == 'finite' & grammar == 'deep-m3' & level == 3"
    )["growth_predicted"]
    assert abs(apart - np.log(growth)) < 0.05
    with_loss = np.exp(np.log(half[2] / crossed[2])[reached].mean())
    assert f"at {with_loss:.2f} times the size at which the loss crosses level 3" in text


def test_the_verdicts_of_the_readme_are_the_reference_in_the_words_of_the_criteria() -> None:
    criteria = ROOT / "workflow" / "rhm_scaling" / "claims" / "criteria.yaml"
    claims = yaml.safe_load(criteria.read_text(encoding="utf-8"))["claims"]
    verdicts = judged().set_index("claim")["claim_verdict"]
    rows = re.findall(r"^\| ([AB]\d) \| (.*?) \| (.*?) \|", text_of("README.md"), re.M)
    assert [name for name, *_ in rows] == [*claims]
    for name, claim, verdict in rows:
        statement = claims[name]["statement"].split(" (")[0]  # remarks in brackets are left out
        assert (claim.replace("`", ""), verdict) == (statement, verdicts[name]), name


def test_what_is_said_of_single_rules_is_the_reference() -> None:
    table = reference("a2-night/rule_collapse")
    two, three = (table[table["L"] == L].iloc[0] for L in (2, 3))
    text = prose("docs/claims.md")
    assert f"a factor of {two['spread']:.2f} apart at `L = 2` and {three['spread']:.2f} at" in text
    assert f"({two['shuffled']:.1f} and {three['shuffled']:.1f} if ranks are shuffled)" in text
    told = f"together it is {two['learnt_at_f']:.1f} and {three['learnt_at_f']:.1f} at the two"
    assert told in text
    predicted = [x["learnt_at_f"] * x["predicted_at"] / x["learnt_at"] for x in (two, three)]
    assert "where theory has {:.0f} and {:.0f}.".format(*predicted) in text
    # eight symbols of level 1, equally probable; two and four patches
    occurs = np.array([two["learnt_at_f"], three["learnt_at_f"]]) / 8
    told = "in each patch ({:.1f} and {:.1f} times), or {:.1f} and {:.1f} times in all patches"
    assert told.format(*occurs, *occurs * [2, 4]) in text


def test_what_is_said_of_single_rules_at_each_zipf_exponent_is_the_reference() -> None:
    text, table = prose("docs/claims.md"), reference("a2-night/rule_error_curves")
    zipf = table[table["zipf"].notna()]
    found = {
        (depth, a): collapse(rows)
        for (depth, a), rows in zipf.groupby(["depth", "zipf"], sort=True)
    }
    spread = max(known["spread"] for known in found.values() if np.isfinite(known["spread"]))
    ranges = [known["bins"] for known in found.values()]
    assert (min(ranges), max(ranges)) == (1, 3)
    assert f"at one `a` alone {spread:.2f} at most, of one to three ranges of ranks." in text
    places = pd.Series({key: known["learnt_at_f"] for key, known in found.items()}).unstack()
    for L, row in places.iterrows():
        told = ["–" if np.isnan(place) else f"{place:.1f}" for place in row]
        assert f"| `L = {L}` | {' | '.join(told)} |" in text
    cheaper = (places.loc[2] / places.loc[3]).dropna()
    assert abs(cheaper[2.0] - 1) < 0.05
    others = cheaper.drop(2.0)
    told = f"rules cost {others.min():.2f} to {others.max():.2f} times less at `L = 3`"
    assert told in text
    left, grown = [], []
    curves = reference("a2-night/curves").pivot(index="sentences", columns="grammar", values="mean")
    for a in (1, 2):
        left.append(np.log(2) - a / (1 + a) * np.log(cheaper[float(a)]))
        grown.append(np.log(curves[f"zipf-L3-zipf1_{a}"] / curves[f"zipf-L2-zipf1_{a}"]).mean())
    told = f"leaves {left[0]:.2f} of 0.69, and the constants differ by {grown[0]:.2f}; at `a` = 2, "
    told += f"where it leaves {left[1]:.2f}, by {grown[1]:.2f}."
    assert told in text


def test_the_table_of_exponents_is_the_reference() -> None:
    text = text_of("docs/claims.md")
    curves = pd.concat([reference("a2-night/curves"), reference("a3-night/curves")])
    curves = curves.drop_duplicates(["grammar", "sentences"])
    tail = curves[curves["grammar"].str.startswith("zipf") & (curves["sentences"] >= 32768)]
    fitted = {}
    for grammar, rows in tail.groupby("grammar"):
        depth, a = str(grammar).removeprefix("zipf-L").split("-zipf1_")
        logs = np.log(rows[["sentences", "mean", "predicted_smooth"]].to_numpy())
        fitted[int(depth), float(a)] = [-np.polyfit(logs[:, 0], logs[:, k], 1)[0] for k in (1, 2)]
    slopes, judged_slopes = [], []
    for L in (2, 3, 4):
        cells = [fitted.get((L, a)) for a in (0.5, 0.75, 1.0, 1.5, 2.0)]
        told = ["–" if cell is None else f"{cell[0]:.2f} ({cell[1]:.2f})" for cell in cells]
        assert f"| `L = {L}` | {' | '.join(told)} |" in text
        measured, predicted = np.array([cell for cell in cells[1:] if cell is not None]).T
        bare = [a / (1 + a) for a in (0.75, 1.0, 1.5, 2.0)][: len(measured)]
        slopes.append(np.polyfit(bare, measured, 1)[0])
        judged_slopes.append(np.polyfit(predicted, measured, 1)[0])
    told = "is {:.2f} at `L = 2` and {:.2f} at `L = 3`, for `a` from 3/4 on."
    assert told.format(*slopes[:2]) in text
    criteria = reference("claims/night").query("criterion == 'the exponent follows a'")
    assert np.abs(criteria["estimate"] - judged_slopes[:2]).max() < 0.03  # nearly the same sizes
    told = "their slope on the predicted ones is {:.2f} and {:.2f} |"
    assert told.format(*criteria["estimate"]) in text_of("README.md")
    within = (criteria["low"] >= 0.8) & (criteria["high"] <= 1.2)
    assert not within.any() and "is met at neither depth." in text


def test_what_a_table_of_seen_sentences_would_show_in_the_tail_is_the_reference() -> None:
    curves = reference("a2-night/curves")
    text, zipf = prose("docs/claims.md"), curves[curves["grammar"].str.startswith("zipf")]
    for depth in (2, 3):
        mine = zipf[zipf["depth"] == depth]
        *before, last = (
            f"{-np.polyfit(*np.log(curve[['sentences', 'lookup']].to_numpy()).T, 1)[0]:.2f}"
            for _, curve in mine.groupby("grammar")
        )
        exponents = f"{', '.join(before)} and {last}"
        ratio, seen = mine["lookup"] / mine["mean"], 100 * mine["overlap"]
        if depth == 2:
            told = (
                f"where {seen.min():.0f} to {seen.max():.0f} % of the test sentences occur in the "
            )
            told += f"training set, its exponents at the same sizes, {exponents}, rise"
            errors = f"which are {ratio.min():.1f} to {ratio.max():.1f} times smaller at `L = 2`"
        else:
            told = f"({seen.min():.0f} to {seen.max():.0f} %) they are {exponents}."
            errors = f"and {ratio.min():.0f} to {ratio.max():.0f} times at `L = 3`."
        assert told in text
        assert errors in text


def test_what_is_said_of_constants_is_the_reference() -> None:
    curves = reference("a3-night/curves")
    zipf = curves[curves["grammar"].str.startswith("zipf")]
    last = zipf[zipf["mean"] > 0].sort_values("train_size").groupby("grammar").tail(3)
    ratios = np.log(last["predicted_smooth"] / last["mean"]).groupby(last["grammar"]).mean()
    two, four = (np.exp([ratios[f"zipf-L{L}-zipf1_{a}"] for a in (1, 2)]) for L in (2, 4))
    told = (
        "are {:.1f} and {:.1f} times the measured ones at `L = 2`, and {:.0f} and {:.0f} times at"
    )
    assert told.format(*two, *four) in prose("docs/claims.md")
    night = reference("claims/night")
    (change,) = night.query("criterion == 'it grows exponentially' & about == 'cnn, a = 2'").iloc
    (mean,) = night.query(
        "criterion == 'the constant grows with depth' & about == 'cnn, a = 2'"
    ).iloc
    told = (
        "the second less the first is {:.2f} [{:.2f}, {:.2f}], so it grows by {:.2f} and then by "
    )
    told += "{:.2f}."
    ends = change[["estimate", "low", "high"]]
    steps = [mean["estimate"] + half * change["estimate"] / 2 for half in (-1, 1)]
    assert told.format(*ends, *steps) in prose("docs/claims.md")
    assert f"only {change['claim_agrees']:.0%}".replace("%", " %") in prose("docs/claims.md")
    assert change["low"] < change["rival"] < change["high"] < change["prediction"]
    growth = night.query("criterion == 'the constant grows with depth'")
    assert (growth["high"] < np.log(2)).all() and (growth["low"] > 0).all()
    told = "predicted are {:.2f} and {:.2f}. The interval lies".format(*growth["prediction"])
    assert told in prose("docs/claims.md")


def test_what_is_said_of_invented_studies_is_the_reference() -> None:
    lines = text_of("results/reference/rivals.txt").splitlines()[1:]
    rows = [re.match(r" *(\w\d) +(.+?)((?: +\d+){4})$", line) for line in lines]
    named = {(row[1], row[2]): row[3].split() for row in rows if row}
    assert len(named) == len(lines)
    names = ("disagrees", "undetermined", "nearer", "agrees")
    counted = pd.DataFrame(named, index=names).T.astype(int)
    counted.index.names = ["claim", "studies obey"]
    assert (counted.sum(axis=1) == 100).all()
    obeying = counted.xs("claim", level="studies obey")["agrees"]
    assert not counted.drop("claim", level="studies obey")["agrees"].any()
    told = f"Of those that obey the claims {obeying.min()} to {obeying.max()} agree, "
    assert told + f"{obeying['A2']} of A2's." in prose("docs/claims.md")
    powers = counted.loc["A3"].filter(regex=r"L\^[345]", axis=0)
    assert len(powers) == 3 and (powers["undetermined"] >= 98).all()
