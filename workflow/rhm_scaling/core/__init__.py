"""What everything stands on, without science: hashing, fingerprints, errors, files, text."""
