"""What a run needs beside science: records, machines, jobs, SLURM, its state and its report."""
