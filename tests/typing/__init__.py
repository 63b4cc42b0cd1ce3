"""Code of a user, for the check of types."""
