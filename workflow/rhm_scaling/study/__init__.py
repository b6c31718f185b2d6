"""A study: its file and schema, and its plan, unrolled into products with their costs."""
