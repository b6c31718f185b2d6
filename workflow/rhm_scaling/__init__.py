"""Neural scaling laws of hierarchical languages: grammars, exact theory, training packs, fits.

The packages, from the ground up (each imports only those before it): `core`, `grammar`, `theory`,
`models`, `training`, `analysis`, `claims`, `plots`, `study`, `steps`, `run`, `publish`, `cli`.
"""
