"""Where the library is, for the workflow and its jobs, and whether the settings can be read."""

import os
import sys
from pathlib import Path

# the project that this file belongs to, wherever the workflow runs
ROOT = (
    Path(workflow.current_basedir.get_path_or_uri(secret_free=False))
    .resolve()
    .parents[1]
)
# the library beside this file, installed or not
sys.path.insert(0, str(ROOT / "workflow"))

from rhm_scaling.run.lifeline import outlive_the_run
from rhm_scaling.run.machine import read_settings
from rhm_scaling.run.setup import check_folders, one_line, use_this_library

# settings of the folder that is worked in, or else those of the project
own = workflow.modifier.is_main_snakefile() and Path("config", "config.yaml").is_file()
SETTINGS = Path() if own else ROOT
with one_line():
    check_folders(ROOT, Path.cwd())
    # before Snakemake reads them, which meets bad values with a traceback
    read_settings(SETTINGS)
use_this_library()
if not workflow.is_main_process:
    outlive_the_run()
