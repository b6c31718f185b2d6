"""``python -m rhm_scaling``."""

import sys

from .cli.jobs import main

sys.exit(main())
