"""Blendsweep from Python: run sweeps, render one recipe, open data sets."""
