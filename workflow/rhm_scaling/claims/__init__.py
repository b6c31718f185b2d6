"""The nine claims of the theory: criteria, verdicts, and how likely a study decides one."""
