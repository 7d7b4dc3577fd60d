"""Carrying out operations over HTTP: whatever its contract's kind, the network is met here and nowhere else."""
