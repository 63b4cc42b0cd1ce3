"""Galleries of enrolled templates: enrolment, search, rejection and probabilities."""
