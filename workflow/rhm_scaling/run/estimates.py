"""What making a product takes: time, memory, disk."""

from __future__ import annotations

from ..grammar.model import Parameters
from ..study.artifacts import TRAINED, Product
from ..study.cost import BlockCost, Rates

# Core-seconds of a job with all its imports, typical of the default study on the machine of the
# reference results; only trainings take long enough to be counted one by one.
_JOB = {
    **dict.fromkeys(("grammars", "sparse", "sentences"), 0.4),
    **{"exact": 0.6, "theory": 0.9, "survey": 0.8},
    **dict.fromkeys(("counts", "latents"), 1.2),
    **{"coordinates": 3.0, "representations": 5.0},
    **dict.fromkeys(("rule_errors", "learning_times", "sensitivity"), 3.0),
    **{"denoising": 1.5, "predictors": 3.0},
}
_EVALUATED = ("rule_errors", "learning_times", "sensitivity")  # networks that see sentences again
# of these, starting Python and importing packages
_IMPORTS = dict.fromkeys((*_EVALUATED, "coordinates", "representations", "predictors"), 2.5)
_USUAL_IMPORTS = 0.35
STAGE = 4.0  # core-seconds of tables or figures
_TOKENS = 2e8  # drawn a second
_CHANGED = 512  # sentences that are changed, as in `measure_sensitivity`
_DENOISING = 2e-9  # core-seconds a token and child of a rule, `_denoised`
_GROUPED = 1.3e-7  # core-seconds a token, `training.latent.fit`
_NUMBERED = 32.0  # bytes a token there, of one replica at a time
_MESSAGE = 4e-9  # core-seconds a node and child of a rule, `_passed`
_LOOKED_UP = 2**24  # tuples of a level, at most, whose symbols are looked up, as in `theory.lookup`
_POOL = 2**13  # messages of a level, as in `theory.population`
_BISECTED = 60  # levels that are taken up until the critical fraction is known, about
_EXCHANGED = 2048  # sentences in which hidden layers are compared, as in `measure_representations`
MEMORY = 250.0  # MiB of a job that trains nothing
_PYTORCH = 150.0  # MiB more, of one that imports PyTorch all the same
_MIB = 2**20


def cost_of(block: Product) -> BlockCost:
    """The cost of a block of networks."""
    own = block.reads.get("architecture")
    return BlockCost.from_specification(block.specification, *block.held_out, own)


def core_seconds(product: Product, rates: Rates) -> float:
    """Expected core-seconds of a product's job, starting Python included."""
    if product.kind in TRAINED:
        return cost_of(product).seconds(rates)
    extra = 0.0
    if product.kind == "sentences":
        extra = _tokens(product) / _TOKENS
    elif product.kind == "denoising":
        extra = _denoised(product) * _DENOISING
    elif product.kind == "predictors":
        extra = _predicting(product, rates)
    elif product.kind == "exact":
        extra = _passed(product) * _MESSAGE
    elif product.kind == "latents":
        extra = len(product.specification["replicas"]) * _seen(product) * _GROUPED
    elif product.kind == "sensitivity":  # twice in one pass, and the same changed at every level
        cost = cost_of(product.inputs["block"])
        levels: int = product.specification["grammar"]["L"]
        extra = 8 * cost.replicas * levels * _CHANGED * rates.forward(cost.work)
    elif product.kind in _EVALUATED:
        block = product.inputs["block"]
        _, sentences = block.held_out
        extra = cost_of(block).replicas * sentences * rates.forward(cost_of(block).work)
    return _JOB[product.kind] + extra


def seconds_of_work(product: Product, rates: Rates) -> float:
    """Expected seconds of a product on one thread, in a process that has imported its packages."""
    if product.kind in TRAINED:
        return cost_of(product).seconds(rates) - rates.start
    return core_seconds(product, rates) - _IMPORTS.get(product.kind, _USUAL_IMPORTS)


def _passed(product: Product) -> float:
    """Children of rules, times the nodes whose messages pass them, where none is looked up."""
    of = _grammar(product)
    if max(of.tuples(level) for level in range(1, of.L + 1)) <= _LOOKED_UP:
        return 0.0
    nodes = sum(of.s**above for above in range(of.L))
    size: int = product.inputs["sentences"].specification["size"]
    return float(size * nodes * max(*of.v, of.n) * max(of.m) * of.s)


def _seen(block: Product) -> float:
    """Tokens of the training set of one replica."""
    size: int = block.specification["train_size"]
    return float(size * Parameters.from_specification(block.specification["grammar"]).d)


def _denoised(product: Product) -> float:
    """Children of rules, times the tokens whose messages pass them, of all corrupted sentences."""
    what, of = product.specification, _grammar(product)
    # beliefs go down through all rules of a level, several times as costly as up
    sentences = len(what["fractions"]) * (2 * what["sentences"] + 10 * what["resampled"])
    levels = len(what["fractions"]) * of.L + _BISECTED  # of the recursion
    nodes = sentences * of.d + levels * max(_POOL, of.v[0])
    return float(nodes * of.v[0] * max(of.m) * of.s)


def _siblings(product: Product) -> tuple[int, float, float]:
    """Of networks that predict siblings: sentences of a step, operations and numbers of each."""
    what = product.specification
    of, learner = Parameters.from_specification(what["grammar"]), what["learner"]
    s, w, K = of.s, learner["width"], learner["codes"]
    operations = numbers = 0.0
    for level in range(1, of.L):
        nodes = of.s ** (of.L - level)
        told = (s - 1) * (K if learner["predicts"] == "codes" else of.v[0] * s**level)
        below = s * (K if level > 1 else of.v[0])
        # forward and two gradients; the target encoder is one more pass forward
        operations += 2 * nodes * (4 * (below * w + w * K) + 3 * K * told)
        numbers += nodes * (6 * w + 8 * K + 4 * told)
    sentences = min(learner["batch_size"], what["train_size"]) * len(what["replicas"])
    return sentences, operations, numbers


def _predicting(product: Product, rates: Rates) -> float:
    """Core-seconds of the steps of networks that predict siblings."""
    sentences, operations, numbers = _siblings(product)
    levels, steps = product.specification["grammar"]["L"], product.specification["learner"]["steps"]
    each = sentences * (operations * rates.operation + numbers * rates.number)
    return float(steps * (each + 60 * levels * rates.call))


def memory(product: Product) -> float:
    """Expected MiB of a product's job."""
    if product.kind in TRAINED:
        return cost_of(product).memory()
    if product.kind in _EVALUATED:  # no more is at once in memory than when it was trained
        return cost_of(product.inputs["block"]).memory()
    if product.kind == "latents":
        return MEMORY + _NUMBERED * _seen(product) / _MIB
    if product.kind == "denoising":  # messages of a level, of its children, and what they pick
        of = _grammar(product)
        return MEMORY + 8.0 * of.v[0] * max(_POOL, of.v[0]) * (of.s + 3) / _MIB
    more = 0.0
    if product.kind == "representations":
        more = _activations(product)
    elif product.kind == "predictors":
        sentences, _, numbers = _siblings(product)
        more = 4.0 * sentences * numbers
    return MEMORY + (_PYTORCH if product.kind in _IMPORTS else 0.0) + more / _MIB


def _activations(product: Product) -> float:
    """Bytes of what is compared of hidden layers, five numbers of each activation at once."""
    what = product.specification
    networks = len(what["replicas"]) * len(what["learning_rates"])
    numbers: int = what["architecture"]["width"] * what["architecture"]["depth"]
    tokens = Parameters.from_specification(what["grammar"]).d * _EXCHANGED
    return 20.0 * networks * tokens * numbers


def disk(product: Product) -> float:
    """Expected MiB of a product's files."""
    small = 4096.0
    if product.kind == "sentences":
        small += _tokens(product)
    elif product.kind in TRAINED:
        cost = cost_of(product)
        small += cost.replicas * (4.0 * cost.work.parameters + 90.0 * cost.evaluations + 400.0)
    elif product.kind == "exact":
        size = product.inputs["sentences"].specification["size"]
        small += size * 8.0 * (_grammar(product).v[0] + 2)
    elif product.kind == "learning_times":  # of each network, and at most of each level
        block = product.inputs["block"]
        levels = Parameters.from_specification(block.specification["grammar"]).L + 1
        small += cost_of(block).replicas * block.held_out[1] * 4.0 * (1 + levels)
    return small / _MIB


def _grammar(product: Product) -> Parameters:
    """Parameters of the grammar of sentences or of what is computed from them."""
    return Parameters.from_specification(product.inputs["grammar"].specification["grammar"])


def _tokens(sentences: Product) -> float:
    """Bytes of a file of sentences: one a token, for all but the largest vocabularies."""
    size: int = sentences.specification["size"]
    return float(size * _grammar(sentences).d)
