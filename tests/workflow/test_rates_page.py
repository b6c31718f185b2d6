"""What the page on claims says of the rates of their networks is what the kept sweep says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.documents import ROOT, documented, prose, reference
from rhm_scaling.study.reading import load_study

RATES, BEST = reference("claims-rates/rates"), reference("claims-rates/best_rates")

# the networks of the sweep, as a study of a claim trains them
CLAIMED = {
    "classifier": ("a1", "cnn"),
    "classifier-zipf": ("a2", "cnn"),
    "cnn": ("b5", "cnn"),
    "lcn": ("b5", "lcn"),
    "fcn": ("b5", "fcn"),
    "transformer": ("b2", "transformer"),
}


def test_transformers_on_finite_sets_have_the_best_rates() -> None:
    best = reference("attending-rates/best_rates")
    assert best["edge"].isna().all()
    best = best[best["architecture"] == "transformer"]
    places = [*best.groupby(["grammar", "train_size"])["chosen"].first().items()]
    ((_, small), (_, middle), (_, large)) = places
    told = f"best are {small:g} for 8,192 sentences at `m` = 2, and {middle:g} and {large:g} for "
    assert told + "4,096 and 16,384 at `m` = 3" in prose("docs/claims.md")
    swept = BEST[(BEST["architecture"] == "transformer") & (BEST["protocol"] == "finite")]
    places += [*swept.groupby(["grammar", "train_size"])["chosen"].first().items()]
    for claim in ("b1", "b2", "b4"):
        study = load_study(ROOT / "config" / "studies" / f"{claim}.yaml:night")
        optimizer = study.architectures["transformer"].optimizer
        for (_, size), chosen in places:
            if claim != "b4" or size > 512:  # which has none so small at `m = 2`
                assert optimizer.rates(int(size)) == [chosen], (claim, size)


def test_attention_alone_has_the_best_rate_online() -> None:
    swept = reference("attending-rates/rates").query("architecture == 'attention'")
    losses = swept.set_index("lr")["val_loss"] / swept["val_loss"].min()
    best = losses.idxmin()
    study = load_study(ROOT / "config" / "studies" / "b2-attention.yaml")
    assert study.architectures["attention"].optimizer.lr == [best]
    assert losses[[best / 2, best * 2]].max() < 1.01
    told = f"the best rate online at `m` = 2 is {best:g}, and losses with half and twice that are "
    told += "within 1 %."
    assert told in prose("docs/claims.md")


def test_the_rates_of_the_claims_are_near_the_best_of_the_list() -> None:
    text = prose("docs/claims.md")
    assert list(RATES) == documented("rates.csv") and list(BEST) == documented("best_rates.csv")
    studies = ROOT / "config" / "studies"
    claimed = {
        name: rate
        for name, (claim, network) in CLAIMED.items()
        for rate in load_study(studies / f"{claim}.yaml").architectures[network].optimizer.lr
    }
    rows = []
    place = ["grammar", "architecture", "protocol", "train_size"]
    for (_, network, protocol, size), mine in RATES.groupby(place):
        (here,) = mine[mine["lr"] == claimed[str(network)]]["val_loss"]
        rows.append((network, protocol, size, here / mine["val_loss"].min()))
    table = pd.DataFrame(rows, columns=["network", "protocol", "size", "ratio"])
    others = table[table["network"] != "transformer"]["ratio"]
    assert 1.06 < others.max() < 1.07 and "within 7 % of the best for every network" in text
    attending = table[table["network"] == "transformer"].set_index("size")["ratio"]
    online = attending.loc[float("inf")]
    assert 1.01 < online < 1.02 and "within 2 % online" in text
    more = [f"{100 * (attending.loc[size] - 1):.0f}" for size in (512, 2048, 8192)]
    best = BEST[BEST["architecture"] == "transformer"].set_index("train_size")["chosen"]
    rates = [f"{best.loc[size]:g}" for size in (512, 2048, 8192)]
    told = f"{more[0]}, {more[1]} and {more[2]} % above that of the best rates, "
    assert told + f"{rates[0]}, {rates[1]} and {rates[2]}." in text
    edges = BEST["edge"].value_counts()
    assert edges.to_dict() == {"stability": 11, "lowest": 1}
    chance = RATES[(RATES["grammar"] == "uniform") & (RATES["train_size"] == 4096)]["val_loss"]
    assert chance.dropna().between(0.999 * np.log(8), 1.001 * np.log(8)).all()
    assert f"At {edges['stability'] - 1} of the other {len(BEST) - 1} places" in text
    lowest = BEST[BEST["edge"] == "lowest"].merge(RATES, on=[*place, "study"])
    assert lowest["architecture"].unique() == "lcn" and lowest["train_size"].unique() == 512
    losses = lowest["val_loss"].dropna()
    assert len(losses) == 7 and 1.03 < losses.max() / losses.min() < 1.04


def test_twice_the_online_rate_makes_transformers_learn_level_3_later() -> None:
    key = ["rule_seed", "level"]
    faster, curve = (
        table.query("protocol == 'online' & architecture == @name & grammar == @grammar")
        .set_index(key)["crossed_at"]
        .unstack()
        for table, name, grammar in (
            (reference("attending-rates/crossings"), "faster", "b1"),
            (reference("b1-night/crossings"), "transformer", "deep-m3"),
        )
    )
    ratios = sorted((faster / curve.loc[faster.index])[3])
    assert len(ratios) == 3 and np.isinf(ratios[2])
    controls = reference("claims/controls-night")
    half = controls.query(
        "study == 'b1-night' & architecture == 'transformer' & protocol == 'online' & "
        "grammar == 'deep-m3' & control == 'rate /2' & level == 3"
    )
    told = (
        "at twice the rate level 3 takes {:.2f} and {:.2f} times the sentences on two draws, and "
    )
    told += "is not learnt in 12,288 steps on the third; at half the rate it takes {:.2f} times;"
    assert told.format(*ratios[:2], 2 ** half["log2_ratio"].item()) in prose("docs/claims.md")
