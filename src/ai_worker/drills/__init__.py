"""Drills: the product measuring its own promises on a scratch installation."""
