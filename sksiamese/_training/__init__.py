"""Training: what is minimised over which batches, and what is watched meanwhile."""
