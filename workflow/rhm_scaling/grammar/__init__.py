"""The language: the random hierarchy model, its JSON, sentences, derivations, tasks."""
