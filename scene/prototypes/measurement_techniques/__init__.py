"""Measurement technique prototypes, one a file."""
