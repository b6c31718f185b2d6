"""Exact answers and predictions from one grammar: posteriors, entropies, thresholds, curves."""
