"""Tests of the kind `odoo`."""
