"""Steps that make tables and figures of a study: one module a rule, of the same name.

Each has `planned`, its part of a plan, and `make`. Planning imports all of them, so what takes long
to import (torch, scipy, seaborn) is imported where it is used.
"""
