"""Steps that make products of the store: one module a kind of product (`study.artifacts.STEPS`).

A rule runs several of them, as a job makes a batch of products (`run.batches.RULES`).
"""
