"""Surfaces of particles and what follows from them: pure functions of arrays."""
