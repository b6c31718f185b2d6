"""Tidy tables in, tables out: curves, learning rates, laws in data and size, comparisons."""
