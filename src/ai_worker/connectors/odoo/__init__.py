"""Odoo as a kind of business system."""
