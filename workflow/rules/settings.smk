"""Where the library is, for the workflow and its jobs, and whether the settings can be read."""

import sys
from pathlib import Path

# the library beside this file, installed or not
sys.path.insert(0, str(Path(workflow.basedir, "workflow")))

from rhm_scaling.run.lifeline import outlive_the_run
from rhm_scaling.run.planning import jobs_use_this_library, read_settings_or_exit

read_settings_or_exit(Path(workflow.basedir))
jobs_use_this_library()
if not workflow.is_main_process:
    outlive_the_run()
