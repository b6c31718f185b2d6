"""The data card: what a data set holds and how it was made, for people and, on top, for hubs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from ..grammar.sampling import Stream
from ..study.plan import Plan
from ..study.schema import ExperimentConfig
from ..study.types import StudyTask
from ..theory.entropies import Estimate, ngram_entropies
from ..theory.inference import entropy
from .citation import bibtex
from .sentences import SPLITS, Column, Configuration, Shard

_SAMPLED = 2**14  # sentences for entropies with too many contexts to enumerate
_SIZES = {10**power: f"{10**power // 1000}K" for power in (3, 4, 5)} | {
    10**power: f"{10**power // 10**6}M" for power in (6, 7, 8)
}


def data_card(
    plan: Plan,
    found: Sequence[Configuration],
    shards: Mapping[str, Sequence[Shard]],
    citation: Mapping[str, Any],
) -> str:
    """The content of ``README.md``.

    Parameters
    ----------
    plan
        Of the study whose sentences they are.
    found
        Its configurations.
    shards
        Files of each, by its name.
    citation
        The content of ``CITATION.cff``.
    """
    study = plan.study
    front = yaml.safe_dump(
        _front(plan, found, shards, citation), sort_keys=False, allow_unicode=True, width=100
    )
    parts = [
        f"---\n{front}---",
        f"# Sentences of random hierarchy models: {study.title or study.name}",
        _WHAT.format(name=study.name),
        _table(
            ("configuration", "grammar", "rule seed", "sample seed", "`v m s L n`", *SPLITS),
            (
                [one.name, one.of, one.rule_seed, one.sample_seed, _shape(one), *sizes]
                for one in found
                for sizes in [[one.sizes[split] for split in SPLITS]]
            ),
        ),
        _ROWS,
        _table(
            ("column", "type", "meaning"),
            ([f"`{c.name}`", _type(c), c.meaning] for c in _columns(found)),
        ),
        _DRAWN,
        _SEEN,
        "\n".join(f"- `{task}`: {_ASKED[task]}" for task in _tasks(plan)),
        _table(
            ("experiment", "task", "grammars", "train", "validation", "test"),
            (_experiment(plan, name, config) for name, config in study.experiments.items()),
        ),
        _ENTROPIES,
        _table(("configuration", "`H(label)`", "`H_0 .. H_L`"), _entropies(found)),
        _USE.format(name=found[0].name),
        f"## License and citation\n\n{citation['license']} license. Please cite the pipeline that "
        f"drew the sentences, and the papers whose model it is:\n\n"
        f"```bibtex\n{bibtex(citation)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


_WHAT = """\
These are the sentences with which the networks of the study `{name}` ([study.yaml](study.yaml)) are
trained, validated and tested. They are synthetic. A random hierarchy model is a probabilistic
context-free grammar on a regular tree of depth `L`: a root symbol, the class label, is replaced by
`s` symbols of the level below, each of these by `s` symbols again, down to `d = s**L` tokens. Each
symbol has `m` production rules (synonyms), drawn at random without replacement, so that no tuple
has two parents. Rules are equally probable or follow Zipf's law, `f_k ~ k**-(1+a)`. A grammar from
a file has the rules and probabilities that its author gave it instead.

Each configuration holds one draw of the rules of one grammar, and one sample of sentences. `v` is
the number of symbols of a level below the root, from the tokens up where levels differ, `n` that of
root symbols, `m` that of rules of a symbol, from level 1 up where levels differ."""

_ROWS = """\
## What a row holds

Parquet files in `data/<configuration>/`, a row a sentence. Arrays have a fixed size; symbols are
numbered from 0. `grammar.json` beside them lists the rules: by level, for each symbol, its tuples
of symbols of the level below, and their probabilities where these differ. Node `i` of level `l`
stands above the tokens `i * s**l` to `(i + 1) * s**l - 1`."""

_DRAWN = """\
Columns of levels that a grammar has not are absent, and so are hidden symbols and ranks of a
grammar in which a sentence has several derivations.

## How they were drawn

Sentences are drawn from the grammar's own distribution, each split from a random stream of its own
(Philox, keyed by a hash of the grammar, the two seeds and the split's name). A stream is drawn in
chunks, so sentence `i` does not depend on how many there are. The order of rows is that of the
stream: the first `P` rows of `train` are the training set of size `P`. In configurations whose name
has `distinct` no sentence comes twice, in whatever split; in all others sentences are independent,
and may repeat."""

_SEEN = """\
## Which rows a network saw

A network that was trained on `P` sentences saw the first `P` rows of `train`; its best step was
chosen on the first rows of `validation`, and its errors and losses are those on the first rows of
`test`, as many as stand here. With *online* it saw the rows of `train` once, in their order. A
token that is hidden from it is replaced by the number of different tokens, which is none of them.
It predicts, by task:"""

_ASKED: dict[StudyTask, str] = {
    "classification": "the `label` from all `tokens`.",
    "last_token": "the last of the `tokens`, which is hidden, from those before it.",
    "autoregressive": "each of the `tokens` from those before it.",
    "masked": (
        "all masked `tokens` of a sentence at once from the others, and its loss is that of the "
        "masked ones. Rows hold whole sentences. In training each sentence of a batch gets one of "
        "the fractions that are listed below, all equally probable, and each of its tokens is "
        "masked with that probability, independently, and anew at every step. Sentences of "
        "`validation` and `test` are masked once at each fraction."
    ),
}
# in the words of hubs
_CATEGORIES: dict[StudyTask, str] = {
    "classification": "text-classification",
    "last_token": "text-generation",
    "autoregressive": "text-generation",
    "masked": "fill-mask",
}

_ENTROPIES = """\
## Exact entropies

In nats. `H(label)` is the entropy of the label; given the sentence there is none left where the
grammar is unambiguous. `H_l` is that of the last token given the `s**l - 1` tokens before it: no
model can predict the last token with a lower mean loss than `H_L`. They are enumerated, and exact
to rounding; where there are too many contexts, an average over sampled sentences stands with its
standard error."""

_USE = """\
## Use

```python
import polars as pl

train = pl.read_parquet("data/{name}/train-*.parquet")
tokens = train["tokens"].to_numpy()  # (P, d)
```

or, where this folder is a repository of a hub, `datasets.load_dataset(REPOSITORY, "{name}")`."""


def _front(
    plan: Plan,
    found: Sequence[Configuration],
    shards: Mapping[str, Sequence[Shard]],
    citation: Mapping[str, Any],
) -> dict[str, Any]:
    """What hubs read of the card."""
    sentences = sum(sum(one.sizes.values()) for one in found)
    return {
        "license": citation["license"].lower(),
        "pretty_name": f"Random hierarchy models: {plan.study.title or plan.study.name}",
        "size_categories": [_category(sentences)],
        "task_categories": list(dict.fromkeys(_CATEGORIES[task] for task in _tasks(plan))),
        "tags": ["synthetic", "random-hierarchy-model", "context-free-grammar", "scaling-laws"],
        "configs": [
            {
                "config_name": one.name,
                "data_files": [
                    {"split": split, "path": f"data/{one.name}/{split}-*.parquet"}
                    for split in SPLITS
                ],
            }
            for one in found
        ],
        "dataset_info": [
            {
                "config_name": one.name,
                "features": [_feature(column) for column in one.columns],
                "splits": [
                    {"name": split, "num_bytes": size * one.row_bytes, "num_examples": size}
                    for split, size in one.sizes.items()
                ],
                "download_size": sum(shard.bytes for shard in shards[one.name]),
                "dataset_size": one.bytes,
            }
            for one in found
        ],
    }


def _tasks(plan: Plan) -> list[StudyTask]:
    """Those of the study, in the order of `_ASKED`."""
    asked = {config.task for config in plan.study.experiments.values()}
    return [task for task in _ASKED if task in asked]


def _category(sentences: int) -> str:
    """The range of sizes that hubs sort data sets by."""
    below = [limit for limit in _SIZES if limit <= sentences]
    above = [limit for limit in _SIZES if limit > sentences]
    if not below:
        return "n<1K"
    return f"{_SIZES[below[-1]]}<n<{_SIZES[above[0]]}" if above else f"n>{_SIZES[below[-1]]}"


def _feature(column: Column) -> dict[str, Any]:
    kind = column.kind.name
    if column.width is None:
        return {"name": column.name, "dtype": kind}
    return {"name": column.name, "sequence": kind, "length": column.width}


def _columns(found: Iterable[Configuration]) -> list[Column]:
    """Columns of all configurations by name, those of more levels behind."""
    known: dict[str, list[Column]] = {}
    for one in found:
        for column in one.columns:
            known.setdefault(column.name, []).append(column)

    def place(name: str) -> tuple[int, int]:
        what, _, level = name.partition("_")
        return ["label", "tokens", "symbols", "ranks"].index(what), int(level or 0)

    widest = (max(known[name], key=lambda column: column.kind.itemsize) for name in known)
    return sorted(widest, key=lambda column: place(column.name))


def _type(column: Column) -> str:
    kind = column.kind.name
    return kind if column.width is None else f"array of {kind}"


def _shape(one: Configuration) -> str:
    p = one.grammar.parameters
    zipf = ", ".join(f"{a:g} at level {i}" for i, a in enumerate(p.zipf, 1) if a is not None)
    text = f"{_short(p.v)} {_short(p.m)} {p.s} {p.L} {p.n}"
    return f"{text}; Zipf exponent `a` {zipf}" if zipf else text


def _short(by_level: Sequence[int]) -> str:
    """A number, or one for each level."""
    return "/".join(map(str, by_level if len({*by_level}) > 1 else by_level[:1]))


def _experiment(plan: Plan, name: str, config: ExperimentConfig) -> list[Any]:
    grids = {plan.grids[name, grammar].sizes for grammar in config.grammars}
    sizes = [", ".join(map(str, grid)) for grid in sorted(grids) if grid]
    trained = [*sizes, *(["online"] if config.online else [])]
    held_out = config.validation_size, config.test_size
    seen = f" (last {config.context} tokens)" if config.context else ""
    if config.masked_fractions:
        seen = f" ({', '.join(f'{one:g}' for one in config.masked_fractions)})"
    return [name, config.task + seen, ", ".join(config.grammars), "; ".join(trained), *held_out]


def _entropies(found: Iterable[Configuration]) -> Iterator[list[str]]:
    for one in found:
        stream = Stream(one.grammar, one.rule_seed, 0, "theory")
        tokens = (chunk["tokens"] for chunk in stream.chunks(_SAMPLED))
        estimates = ngram_entropies(one.grammar, tokens)
        yield [one.name, f"{entropy(one.grammar.root):.6g}", ", ".join(map(_estimate, estimates))]


def _estimate(known: Estimate) -> str:
    error = f" ± {known.stderr:.1g}" if known.method == "sampled" else ""
    return f"{known.value:.6g}{error}"


def _table(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
