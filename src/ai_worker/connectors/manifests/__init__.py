"""Manifests that come with ai-worker: facts from public documentation, in our own words."""
