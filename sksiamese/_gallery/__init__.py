"""Galleries: what an identifier enrols, searches and rejects by."""
