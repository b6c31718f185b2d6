"""The command line: entries of the jobs, and what a person asks for."""
