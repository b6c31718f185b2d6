"""``python -m rhm_scaling``."""

import sys

from .cli import main

sys.exit(main())
