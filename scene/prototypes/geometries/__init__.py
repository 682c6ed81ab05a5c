"""Geometry prototypes, one a file."""
