"""Where the library is, and whether the settings of this machine can be read."""

import sys
from pathlib import Path

# the library beside this file, installed or not
sys.path.insert(0, str(Path(workflow.basedir, "workflow")))

from rhm_scaling.planning import read_settings_or_exit

read_settings_or_exit(Path(workflow.basedir))
