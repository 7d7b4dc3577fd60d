"""Manifests by hand, for systems that publish no contract a program can read."""
