"""Prototypes: what particles and microscopes are made of."""
