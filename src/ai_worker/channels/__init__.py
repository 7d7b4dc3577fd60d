"""Channels: how the worker is reached. One folder a platform; strangers to one another."""
