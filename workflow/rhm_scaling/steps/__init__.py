"""What rules run, files in, files out: one module a table or figure, one a kind of product."""
