"""Test the built docs as a reader sees them."""
