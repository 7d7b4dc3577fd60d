"""Tryton as a kind of business system."""
