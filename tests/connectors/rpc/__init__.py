"""Tests of what Tryton and Odoo have in common."""
