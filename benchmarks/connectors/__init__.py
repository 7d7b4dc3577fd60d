"""Connectors, judged from outside."""
