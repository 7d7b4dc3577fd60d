"""Benchmarks: run by hand; each prints CPU milliseconds and ratios."""
