"""Runs a sweep: the loop, its workers, and what a person sees meanwhile."""
