"""Galleries of enrolled templates: enrollment, search, rejection and probabilities."""
