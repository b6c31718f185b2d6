"""What the page on memorising and repetition says, held against its reference tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.documents import ROOT, prose, reference, text_of

PAGE = "docs/repetition.md"


def table(name: str, architecture: str = "cnn") -> pd.DataFrame:
    known = reference(f"repetition/{name}")
    return known[known["architecture"] == architecture]


def interval(row: pd.Series, of: str = "exponent", digits: int = 2) -> str:
    return "{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(*row[[of, "low", "high"]], d=digits)


def law(event: str, window: str = "all", level: int = 0, architecture: str = "cnn") -> pd.Series:
    laws = table("onset_laws", architecture)
    mine = (laws["event"] == event) & (laws["window"] == window) & (laws["level"] == level)
    (row,) = laws[mine].to_dict("records")
    return pd.Series(row)


def means(event: str, column: str, level: int = 0, architecture: str = "cnn") -> dict[int, float]:
    """Geometric means over rule draws by training size."""
    found = table("onsets", architecture).query("event == @event and level == @level")
    found = found[np.isfinite(found["train_size"])]
    sizes, logs = found["train_size"].astype(int), np.log(found[column])
    return dict(np.exp(logs.groupby(sizes).mean()))


def test_the_times_to_learn_are_the_reference() -> None:
    text = prose(PAGE)
    first, second = (law("learnt", level=level) for level in (1, 2))
    assert f"exponent is {interval(first)} for level 1 and {interval(second)} for level 2" in text
    assert first["low"] < 0 < first["high"] and second["low"] < 0 < second["high"]
    steps = first["at_step"], second["at_step"]
    assert "Level 1 takes {:.0f} steps at 16384 sentences, level 2 {:.0f}.".format(*steps) in text
    sentences = means("learnt", "at_sentences", 1)
    assert all(abs(seen / 11000 - 1) < 0.25 for seen in sentences.values())
    assert f"some 11000 sentences seen, {11000 / 512:.0f} epochs over 512" in text


def test_the_onset_of_memorising_is_the_reference() -> None:
    text, epochs = prose(PAGE), means("memorised", "at_epochs")
    told = [epochs[size] for size in (1024, 2048, 4096, 8192)]
    assert f"after {min(told):.0f} to {max(told):.0f} epochs**, between 1024 and 8192" in text
    assert f"The exponent over all sizes, {interval(law('memorised'))}, says" in text
    steps = means("memorised", "at_step")[512], means("learnt", "at_step", 1)[512]
    assert "{:.0f} steps against {:.0f}: a network has".format(*steps) in text
    late = law("memorised", "level 1 before")
    assert f"At 16384 it takes {epochs[16384]:.0f} epochs" in text
    assert f"well before is {interval(late)}, which leaves out 1" in text
    assert late["low"] > 1 and law("memorised")["low"] < 1 < law("memorised")["high"]
    wide = law("memorised", architecture="wide")
    sooner = means("memorised", "at_epochs", architecture="wide")[16384]
    assert f"after {sooner:.0f} epochs, not {epochs[16384]:.0f}, and the exponent from" in text
    assert f"from {wide['smallest']:.0f} sentences on is {interval(wide)}, which holds 1." in text
    assert wide["low"] < 1 < wide["high"]
    least = means("least_loss", "at_epochs")
    assert f"exponent {interval(law('least_loss'))}: up to 1024 sentences" in text
    assert f"falls from {least[512]:.0f} at 512 sentences to {least[8192]:.0f} at 8192." in text
    later = [size for size in least if least[size] > epochs[size]]
    assert later == [512, 1024]


def test_the_worth_of_repetition_is_the_reference() -> None:
    text = prose(PAGE)
    laws = table("repetition_laws").set_index("train_size")
    whole = laws[laws.index.isna()].iloc[0]
    assert f"Fitted to all it is {interval(whole, 'estimate', 1)}" in text
    assert f"off by a factor of {whole['spread']:.2f} typically" in text
    single = laws[laws.index.notna()]
    ends = single["spread"].min(), single["spread"].max()
    assert "one for each size it is {:.2f} to {:.2f}.".format(*ends) in text
    for size, digits in {512: 0, 1024: 0, 8192: 1, 16384: 1}.items():
        assert f"{interval(laws.loc[size], 'estimate', digits)} at" in text
    assert single["high"].iloc[-1] < whole["low"] < single["low"].iloc[0]
    values = table("repetition").dropna(subset="effective")
    values["ratio"] = values["effective"] / values["sentences"]

    def after(epochs: float) -> dict[int, float]:
        return {
            size: np.interp(np.log(epochs), np.log(rows["epochs"]), rows["ratio"])
            for size, rows in values.groupby(values["train_size"].astype(int))
        }

    assert max(abs(ratio - 1) for ratio in after(8).values()) < 0.12
    assert "within 12 % at every size" in text
    shares = after(16)[8192], after(32)[8192]
    told = "worth {:.2f} of fresh ones at 8192 sentences, and after 32 epochs {:.2f}"
    assert told.format(*shares) in text


def test_the_figures_that_it_shows_are_kept() -> None:
    for kind in ("training_losses", "onsets", "repetition"):
        path = f"results/reference/repetition/{kind}-last-token.png"
        assert f"../{path}" in text_of(PAGE)
        assert (ROOT / path).stat().st_size > 10_000
