"""``python -m rhm_scaling``."""

import os
import sys

from .cli.jobs import main

try:
    status = main()
    sys.stdout.flush()
except BrokenPipeError:  # whoever reads has read enough, as `head` does
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    status = 0
sys.exit(status)
