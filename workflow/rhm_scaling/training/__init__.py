"""Learning: data sets, batches, optimizers, one loop for all networks, counting, probes."""
