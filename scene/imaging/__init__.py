"""Rendering steps and modes."""
