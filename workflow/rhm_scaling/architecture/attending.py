"""The work of networks whose blocks attend."""

from __future__ import annotations

from .about import Linear, Sizes, Work


def attention_stack(sizes: Sizes, hidden: int = 0) -> Work:
    """That of a `models.layers.AttentionStack`, with a perceptron of `hidden` units in a block."""
    d, width, depth = sizes.d, sizes.width, sizes.depth
    body: list[Linear] = []
    operations, numbers = 0.0, float(d * width)  # positions are added to the embedding
    for block in range(depth):
        queries = sizes.answers if block == depth - 1 else d
        body += [(queries, width, width), (d, width, 2 * width), (queries, width, width)]
        if hidden:
            body += [(queries, width, hidden), (queries, hidden, width)]
        operations += 4.0 * queries * d * width  # scores and their mixture
        numbers += 2 * d * width + (3 if hidden else 4) * queries * width + hidden * queries
        numbers += 3 * sizes.heads * queries * d
    return Work.of_products(
        [(d, sizes.v, width)],
        body,
        (sizes.answers, width, sizes.classes),
        calls=depth * (110 if hidden else 80) + 40,
        operations=operations,
        numbers=numbers,
        vectors=width * (1 + depth * (2 if hidden else 1)),  # gains
        positions=d * width,
    )
