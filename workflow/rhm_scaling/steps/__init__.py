"""One module a rule of the workflow, of the same name: files in, files out."""
