"""Business systems made of models and records, called by name: what Tryton and Odoo have in common."""
