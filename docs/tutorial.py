# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From a grammar to a fitted exponent
#
# When a network is trained on more data, its error falls, often as a power of the number of
# examples. The *random hierarchy model* is a language in which this exponent can be predicted
# before anything is trained. In this tutorial we draw such a language, compute what there is to
# know of it, predict its learning curve, train two networks, and put the fitted exponents beside
# the predicted ones. It takes two or three minutes, needs no GPU, and uses only names that
# `import rhm_scaling as rhm` promises; `help(rhm.train)` and its like explain each of them.
#
# The theory is that of three papers: the random hierarchy model
# ([arXiv:2307.02129](https://arxiv.org/abs/2307.02129)), classification with power-law distributed
# rules ([arXiv:2505.07067](https://arxiv.org/abs/2505.07067)), and transformers beside
# convolutional networks ([arXiv:2505.07070](https://arxiv.org/abs/2505.07070)).

# %%
# %matplotlib inline
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn

import rhm_scaling as rhm

torch.set_num_threads(1)  # the networks are too small for more
pd.set_option("display.precision", 3, "display.max_colwidth", None)
plt.rcParams.update({"figure.dpi": 110, "font.size": 8})

# %% [markdown]
# ## 1. A small language
#
# A sentence grows from one symbol, the root, on a regular tree. Every symbol is replaced by a
# tuple of $s$ symbols of the level below, and after $L$ such steps there are $d = s^L$ tokens. A
# symbol has $m$ *production rules*, $m$ different tuples that it may be replaced by; these tuples
# are *synonyms*, since they mean the same symbol. The rules are drawn at random, once, and no
# tuple belongs to two symbols. Of the $v^s$ tuples that $v$ symbols can form, only $v\,m$ occur:
# the fraction $f = m / v^{s-1}$ is grammatical.

# %%
v, s, L, m = 8, 2, 4, 2
grammar = rhm.draw_grammar(v=v, s=s, L=L, m=m)
f = m / v ** (s - 1)
print(f"{s**L} tokens a sentence, fraction of grammatical tuples f = {f:g}")
for symbol in range(3):
    rules = [tuple(map(int, rule)) for rule in grammar.rules[0][symbol]]
    print(f"level 1, symbol {symbol} becomes", " or ".join(map(str, rules)))

# %% [markdown]
# Here is one sentence with its derivation. The numbers in circles are symbols, those below the
# circles say which of its rules a symbol has used: rule 1 or rule 2. A learner sees the bottom row
# alone, and everything above is hidden from it.


# %%
def draw_derivation(sentence, ax):
    """Draw the tree of one sentence: symbols in circles, ranks of their rules below."""
    for level, symbols in sentence.symbols.items():
        places = (np.arange(symbols.shape[1]) + 0.5) * s**level
        for node, (place, symbol) in enumerate(zip(places, symbols[0])):
            if level:
                children = (s * node + np.arange(s) + 0.5) * s ** (level - 1)
                ax.plot([[place] * s, children], [[level] * s, [level - 1] * s], "0.6", lw=0.8)
                rank = sentence.ranks[level][0, node]
                text = {"ha": "center", "size": 6, "bbox": {"fc": "w", "lw": 0, "pad": 0.5}}
                ax.text(place, level - 0.42, f"rule {rank}", **text)
            circle = {"boxstyle": "circle", "fc": "w" if level else "0.9", "lw": 0.8}
            ax.text(place, level, symbol, ha="center", va="center", bbox=circle)
    ax.set(xlim=(0, s**L), ylim=(-0.5, L + 0.4), yticks=range(L + 1), ylabel="level")
    ax.set_xticks([])
    ax.spines[:].set_visible(False)


sentences = rhm.sample(grammar, 2000)
_, ax = plt.subplots(figsize=(5.5, 3), layout="constrained")
draw_derivation(sentences[0], ax)
plt.show()

# %% [markdown]
# ## 2. What a context tells
#
# The task is to predict the last token from the ones before it. Because the hidden structure is a
# tree, the probability of the last token given any context can be computed exactly, by passing
# messages up and down the tree. The entropy $H_l$ is what remains uncertain when the last
# $s^l - 1$ tokens before it are known, which are those that share its ancestor of level $l$. It
# decreases with $l$ from the entropy of the token alone, $H_0$, to that given the whole sentence,
# $H_L$, and no learner can have a lower loss than $H_L$.

# %%
entropies = rhm.entropies(grammar, "last_token")
contexts = pd.Series([s**level - 1 for level in entropies.index], entropies.index, name="context")
entropies.insert(0, "context", contexts)
entropies[["context", "entropy", "method"]]

# %% [markdown]
# `rhm.posterior` gives the same for single sentences: what the best possible learner would answer.
# The mean of its $-\log p$ over a sample agrees with $H_L$ within the error of sampling.

# %%
best = rhm.posterior(grammar, "last_token", sentences)
surprise = -np.log(best[np.arange(len(sentences)), sentences.tokens[:, -1]])
print(f"{surprise.mean():.3f} +- {surprise.std() / len(sentences) ** 0.5:.3f} nats,", end=" ")
print(f"H_{L} = {entropies['entropy'][L]:.3f} nats")

# %% [markdown]
# ## 3. The learning curve before any training
#
# How does a learner find hidden symbols? Synonyms have the same correlations with all that lies
# outside of them, so tuples whose correlations agree can be taken for one symbol. From $P$
# sentences a correlation is known up to the noise of sampling, which falls as $P^{-1/2}$, and it
# can be used once it rises above this noise. The correlation of a tuple with the last token is the
# weaker the further up their common ancestor is. So levels become learnable one after another,
# each at a size $P_l$ of the training set, and every level that is learnt brings the loss from
# $H_{l-1}$ to $H_l$.
#
# The papers find (arXiv:2505.07070), for uniform rules,
#
# $$P_1 \simeq \frac{v\,m}{1-f}, \qquad
# P_l^{\text{transformer}} \simeq \frac{v\,m^{2l-1}}{1-f}, \qquad
# P_l^{\text{CNN}} \simeq \frac{v\,m^{l+1}}{1-f} \qquad (l \ge 2).$$
#
# A convolutional network (CNN) needs fewer sentences: it has the same weights at all positions, so
# what it has learnt at one of them it can use at the others, and it can correlate hidden symbols
# instead of tokens. Levels 1 and 2 are learnt at the same sizes by both; the learners differ from
# level 3 on.
#
# `rhm.solve` computes these sizes from the exact correlations of this very grammar, here beside
# the formulas, which hold for many symbols. With few symbols correlations are weaker, so that
# levels 3 and 4 take more sentences than the formulas say.

# %%
known = rhm.solve(grammar, "last_token")
found = known.quantities.query("quantity == 'threshold'")
thresholds = found.pivot_table(index="level", columns="learner", values="value")
powers = {"cnn": lambda level: level + 1, "transformer": lambda level: 2 * level - 1}
for learner, power in powers.items():
    thresholds[f"{learner}, formula"] = [
        v * m ** (power(level) if level > 1 else 1) / (1 - f) for level in thresholds.index
    ]
thresholds.round()

# %% [markdown]
# Thresholds and entropies together are a predicted learning curve: a staircase, whose steps real
# learners round off. The *envelope* goes smoothly through the middles of the steps. We draw what
# is lost in excess of $H_L$.

# %%
_, ax = plt.subplots(figsize=(3.4, 2.6), layout="constrained")
for learner, style in (("transformer", "-"), ("cnn", "--")):
    for prediction, color in (("staircase", "0.65"), ("envelope", "k")):
        curve = known.curves.query(f"learner == '{learner}' and prediction == '{prediction}'")
        steps = "steps-post" if prediction == "staircase" else "default"
        look = {"color": color, "lw": 1, "drawstyle": steps}
        ax.plot(
            curve["train_size"], curve["value"], style, label=f"{learner}, {prediction}", **look
        )
ax.set(xscale="log", yscale="log", xlim=(4, 5000), ylim=(5e-3, 4))
ax.set(xlabel="training sentences $P$", ylabel=f"loss in excess of $H_{L}$ (nats)")
ax.legend(frameon=False, fontsize=7, loc="lower left")
plt.show()

# %% [markdown]
# If there are many levels, the steps have constant ratios in both directions, and the envelope is
# a power law: the excess falls by a factor of $f$ when $P$ grows by $m$ (CNN) or by $m^2$
# (transformer), so
#
# $$\alpha_{\text{CNN}} = \frac{\log(1/f)}{\log m}, \qquad
# \alpha_{\text{transformer}} = \frac{\log(1/f)}{2 \log m}.$$
#
# This is the *asymptotic* exponent. Four levels are few. The factors between the entropies above
# are not all equal to $f$, and the staircase ends at a last level, beyond which nothing is left to
# learn. So there is a second prediction: we fit a power law to the predicted curve of these finite
# grammars in just the way, and at just the sizes, in which we fit the measured one. This is the
# *same fit*.
#
# ## 4. Train
#
# `rhm.train` trains networks on training sets of growing size. A *replica* is a network with
# weights, sentences and a grammar of its own: exponents are those of random languages, so the
# rules are drawn anew for each of them, `rule_draws` times, and intervals say how much draws
# differ. A training ends by itself, when its loss on a validation set has long not improved, and
# the network of the best step is measured on a test set. Its excess over the exact predictor is
# the mean Kullback-Leibler divergence from the exact probabilities to the network's; so no noise
# of labels is in it, and it is never negative.

# %%
sizes = [256, 512, 1024, 2048]
common = {"rule_draws": 4, "validation_size": 512, "test_size": 4096}
cnn = rhm.train(grammar, "last_token", "cnn", sizes, width=64, **common)
transformer = rhm.train(
    *(grammar, "last_token", "transformer", sizes),
    **{"width": 16, "heads": 1, "optimizer": {"kind": "adam", "lr": 6e-3}},
    **{"training": {"min_steps": 128, "patience": 1.9}, **common},
)
rhm.draw_curves([cnn.curves, transformer.curves])
plt.show()

# %% [markdown]
# Points are means over rule draws with their 95 % intervals, dashed lines the predicted curves.
# The measured ones lie above. That is no contradiction: a threshold says how $P_l$ grows with $l$
# and $m$, and leaves open by which factor above it a network trained by gradient descent learns
# the level. What theory predicts is the shape, so let us compare slopes.
#
# ## 5. The fitted exponent beside its prediction

# %%
columns = ["architecture", "exponent", "low", "high", "predicted_same_fit", "predicted_asymptotic"]
exponents = pd.concat([cnn.fits, transformer.fits])[columns].set_index("architecture")
exponents

# %% [markdown]
# `exponent` is that of $P^{-\alpha}$, as which the excess falls, with its 95 % interval from `low`
# to `high`. The CNN's is larger than the transformer's, as predicted, and in this run each interval
# holds the exponent of the same fit. Both measured exponents are below the asymptotic ones. The
# asymptotic exponent is that of an endless staircase, whatever sizes one looks at; the same fit is
# that of four levels at the sizes that we have trained on, where part of the staircase lies before
# the first of them and its end before the last, so it depends on the sizes. That makes it the
# fairer prediction, and the one to compare with. Intervals of four rule draws are wide. The default
# study, `make run`, has more rule draws and sizes, and its interval for the CNN leaves the
# asymptotic value out.
#
# Does the loss come from where theory says? If the first levels are known and the others are not,
# a network answers as the exact predictor that sees a short context. So let us ask how far the
# CNNs of the first rule draw are from each of these predictors, as a mean divergence in nats.

# %%
test = rhm.sample(grammar, 2000, sample_seed=1)
predictors = {
    f"last {s**level} tokens": rhm.posterior(grammar, "last_token", test, context=s**level)
    for level in range(1, L + 1)
}
rows = {}
for (_, run), network in zip(cnn.runs.iterrows(), cnn.networks):
    if run["rule_seed"] == grammar.rule_seed:
        answer = network(test)
        rows[run["train_size"]] = {
            name: (exact * np.log(exact.clip(1e-12) / answer)).sum(axis=1).mean()
            for name, exact in predictors.items()
        }
distances = pd.DataFrame(rows).T.rename_axis("P")
distances

# %% [markdown]
# Each row is a training size. From top to bottom the networks come closer to the exact predictor
# of the whole sentence, in the last column. With the fewest sentences they are closer to one that
# sees less than that, with the most they have left all shorter contexts behind.
#
# ## 6. Zipf's law and classification
#
# In natural languages a few words are common and most are rare. Let the $k$-th rule of each symbol
# of level 1 have a probability $f_k \propto k^{-(1+a)}$, and let the task be to find the root
# symbol, one of $n$ classes. With uniform rules all rules of a level become known at about the
# same size, $P^* = n\,m_1 \cdots m_L$, where the error drops from that of a guess towards zero.
# With Zipf rules, rule $k$ is learnt at a size inversely proportional to its probability,
#
# $$P_k = \frac{n\, m_2 \cdots m_L}{f_k},$$
#
# and the error at size $P$ is the chance to meet a rule with $P_k > P$. That is a power law,
#
# $$\text{error} \sim P^{-a/(1+a)},$$
#
# up to the size at which the rarest rule is learnt (arXiv:2505.07067). We take two levels,
# $a = 1$, and enough tokens for many rules at level 1.

# %%
shape = {"v": 64, "n": 8, "s": 2, "L": 2, "m": {1: 64, 2: 4}}
zipf = rhm.draw_grammar(**shape, zipf={1: 1.0})
uniform = rhm.draw_grammar(**shape)
sizes_of_labels = [512, 1024, 2048, 4096]
few = {"width": 64, "rule_draws": 4, "validation_size": 1024, "training": {"patience": 2.1}}
trained = {
    name: rhm.train(language, "classification", "cnn", sizes_of_labels, name=name, **few)
    for name, language in (("Zipf", zipf), ("uniform", uniform))
}
print("P* =", shape["n"] * shape["m"][1] * shape["m"][2])
rhm.draw_curves([training.curves for training in trained.values()])
plt.show()

# %%
laws = pd.concat([training.fits for training in trained.values()])
laws[[*columns, "window_reason"]].set_index("architecture")

# %% [markdown]
# With Zipf rules the error is a straight line on these axes, and its exponent is near $a/(1+a)$
# (`predicted_asymptotic`) and near that of the same fit to the predicted curve. With uniform rules
# it bends down ever more steeply around $P^*$: a drop has no exponent, so none is fitted where
# fewer than three sizes are below half of chance.
#
# Which sentences are wrong? Let us sort new sentences by the rarest of the rules of level 1 that
# they contain.

# %%
network = trained["Zipf"].networks[list(trained["Zipf"].runs["train_size"]).index(2048)]
new = rhm.sample(network.grammar, 20000)
wrong = network(new).argmax(axis=1) != new.labels
rarest = pd.cut(new.ranks[1].max(axis=1), [0, 1, 2, 4, 8, 16, 32, 64])
by_rank = pd.Series(wrong, name="error").groupby(rarest, observed=True).mean()
by_rank.rename_axis("rarest rank").to_frame()

# %% [markdown]
# The common rules are known, the rare ones are not, and the error rises with the rank in between.
# This is what makes the curve a power law.
#
# ## 7. A network of your own
#
# `rhm.train` takes any `torch.nn.Module` that maps tokens to logits; give it a function that makes
# a new one. It is trained and measured as the built-in networks are. Here is a perceptron, which
# has neither the locality nor the weight sharing of the CNN.


# %%
def perceptron():
    """Make one: tokens (N, 16), whole numbers 0..8 where 8 is the mask, to logits (N, 8)."""
    embedding = nn.Embedding(v + 1, 16), nn.Flatten()
    return nn.Sequential(*embedding, nn.Linear(16 * s**L, 128), nn.ReLU(), nn.Linear(128, v))


optimizer = {"kind": "adam", "lr": 3e-3}
own = rhm.train(grammar, "last_token", perceptron, sizes[:3], optimizer=optimizer, **common)
rhm.draw_curves([cnn.curves, transformer.curves, own.curves])
plt.show()

# %% [markdown]
# The perceptron needs more sentences than the CNN for the same loss. How much of the CNN's gain is
# due to locality, and how much to weight sharing, is a question that `rhm.train` can ask with
# `"lcn"` (local, without sharing) and `"fcn"` (neither).
#
# ## 8. Many grammars on one curve
#
# Section 6 said where uniform rules are learnt: at $P^* = n\,m^L$, for many symbols. `rhm.solve`
# has the size at which the exact correlations of one grammar stand out from the noise of sampling.
# If theory is right, learning curves of all grammars are one, once sizes are divided by it. Here
# are four grammars, and a locally connected network with sizes around the predicted one.


# %%
def threshold(language):
    """The predicted size of a grammar, for its labels."""
    quantities = rhm.solve(language, "classification").quantities
    return quantities.query("quantity == 'threshold'")["value"].item()


around = {"points_per_octave": 1, "below": 2, "beyond": 2}
scan, predicted = {}, {}
for symbols in (8, 16):
    for depth, rules in ((4, 2), (3, 3)):
        language = rhm.draw_grammar(v=symbols, s=2, L=depth, m=rules)
        name = f"v{symbols}-L{depth}-m{rules}"
        scan[name] = rhm.train(
            *(language, "classification", "lcn", around),
            **{"name": name, "width": 64, "rule_draws": 2, "validation_size": 512},
        )
        grammars = [network.grammar for network in scan[name].networks[:2]]
        predicted[name] = np.exp(np.mean(np.log([threshold(one) for one in grammars])))

_, axes = plt.subplots(1, 2, figsize=(5.5, 2.4), sharey=True, layout="constrained")
for marker, (name, training) in zip("osD^", scan.items()):
    curve = training.curves
    for ax, scale in zip(axes, (1, predicted[name])):
        ax.plot(curve["train_size"] / scale, curve["mean"] / curve["chance"], marker + "-", ms=4)
axes[0].set(xscale="log", xlabel="training sentences $P$", ylabel="error / chance")
axes[1].set(xscale="log", xlabel="$P$ / predicted $P^*$")
axes[1].set_xticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
axes[1].minorticks_off()
axes[0].legend(scan, frameon=False, fontsize=7)
plt.show()

# %% [markdown]
# On the left the curves lie up to a factor of three apart, on the right they nearly fall together,
# and no constant was fitted. `config/studies/scan.yaml` does the same for thirty grammars and two
# kinds of network, and finds that weight sharing changes the law; `docs/scans.md` has the figures.
#
# ## 9. Depth costs little if codes are predicted
#
# Labels are far from the tokens, so $P^*$ grows with the depth. A learner may predict something
# nearer by: what the *sibling* of a tuple is, level by level (arXiv:2605.27734). `"latent"` and
# `"counting"` are two learners without a network. The first groups tuples by the codes of their
# siblings, the second by their correlations with the label, position by position.

# %%
deeper = {}
for depth in (3, 4, 5, 6):
    language = rhm.draw_grammar(v=8, s=2, L=depth, m=2)
    for learner, options in (("latent", {}), ("counting", {"sharing": False})):
        learnt = rhm.train(
            *(language, "classification", learner, [64, 128, 256, 512]),
            **{"rule_draws": 4, "test_size": 2048, **options},
        )
        deeper[f"L = {depth}", learner] = learnt.curves.set_index("train_size")["mean"]
errors_by_depth = pd.DataFrame(deeper).T
errors_by_depth

# %% [markdown]
# Correlations with the label weaken by $m$ a level, so errors of `counting` rise from row
# to row; those of `latent` hardly rise. `docs/latent.md` has the thresholds of both, and a network
# that predicts codes, which does the same from two to three times the sentences.
#
# ## 10. What a masked sentence still tells
#
# Mask some tokens. The exact posterior of any symbol of the tree follows, the root's too: this is
# what a perfect denoiser knows, and no network that fills in tokens can know more
# (arXiv:2402.16991). The deeper the tree, the sharper the transition between a root that is known
# and one that is lost. The critical fraction is found without a sentence, as an unstable fixed
# point of the recursion of messages up the tree.

# %%
fractions, known = np.arange(0.1, 1, 0.1), {}
_, ax = plt.subplots(figsize=(3.4, 2.4), layout="constrained")
for marker, depth in zip("osD^v", (2, 4, 6, 8, 10)):
    deep = rhm.draw_grammar(v=16, s=2, L=depth, m=4)
    tokens = rhm.sample(deep, 64).tokens
    chance = np.random.default_rng(0).random(tokens.shape)
    seen = {fraction: np.where(chance < fraction, 16, tokens) for fraction in fractions}  # 16 masks
    roots = [rhm.denoise(deep, one)[-1] for one in seen.values()]
    known[depth] = [(root**2).sum(axis=-1).mean() for root in roots]
    ax.plot(fractions, known[depth], marker + "-", ms=4)
critical = rhm.critical_fraction(deep)
ax.axvline(critical, color="0.6", lw=1, ls=":")
ax.set(xlabel="masked fraction", ylabel="posterior of the true root")
ax.legend([f"$L = {depth}$" for depth in known], frameon=False, fontsize=7)
print(f"critical fraction: {critical:.2f}")

half = seen[fractions[4]]
filled = {
    "all tokens together": rhm.restore(deep, half),
    "each token by itself": rhm.denoise(deep, half)[0].argmax(axis=-1),
}
for how, sentences in filled.items():
    try:
        rhm.posterior(deep, "classification", sentences)
        print(f"filled in, {how}: all sentences obey the rules")
    except ValueError as error:
        print(f"filled in, {how}: {error}")
plt.show()

# %% [markdown]
# `rhm.restore` draws a sentence from the posterior of all its tokens *together*, so it obeys the
# rules at every level; if each token is its own best guess, rules are broken. `docs/denoising.md`
# has the transition at $L = 12$, noise instead of masks, and how far changes reach.
#
# ## 11. Where to go on
#
# What a call of `rhm.train` does for one curve, a *study* does for many: a YAML file names
# grammars, networks, sizes and replicas, and `make run STUDY=my-study.yaml` draws, solves, trains,
# fits and writes tables, figures and a report. It keeps what it has made and, when something
# changes, makes again only what depends on it. This study compares the two kinds of network of
# sections 4 and 5 with more rule draws, at sizes that theory chooses:
#
# ```yaml
# name: my-study
# grammars:
#   deep: {v: 8, s: 2, L: 4, m: 2}
# architectures:
#   cnn: {kind: cnn, width: 64}
#   transformer: {kind: transformer, width: 32, heads: 1, optimizer: {kind: adam, lr: 3e-3}}
# experiments:
#   last-token:
#     task: last_token
#     grammars: [deep]
#     architectures: [cnn, transformer]
#     train_sizes: auto
#     replicas: {rule_draws: 12}
# ```
#
# `rhm.load_curves("my-study")`, `rhm.load_runs`, `rhm.load_history` and `rhm.load_network` bring
# its results into a notebook, and `rhm.read_grammar` takes a grammar that you have written
# yourself. The nine claims of the papers, and what these networks say of them, are a study each:
# `make claims`.
