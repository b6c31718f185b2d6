"""Figures, printed tables and pages, from tables alone."""
