"""Connectors: business systems turned into typed tools."""
