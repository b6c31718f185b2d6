"""Steps that make products of the store: one module a rule, of the same name."""
