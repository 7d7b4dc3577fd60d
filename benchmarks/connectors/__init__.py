"""Connectors: what contracts become, and what calls cost."""
