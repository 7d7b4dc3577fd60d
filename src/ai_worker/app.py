"""Wires the rooms to the sockets. No logic."""
