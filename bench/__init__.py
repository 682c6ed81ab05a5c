"""Benchmarks, one script for each question: ``python -m bench.real``, or ``just bench`` for all."""
