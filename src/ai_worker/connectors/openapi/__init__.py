"""Connectors described by an OpenAPI contract."""
