"""Training: objectives, batches and monitoring."""
