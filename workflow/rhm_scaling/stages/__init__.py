"""One module a stage: files in, files out; its imports decide the stage's fingerprint."""
