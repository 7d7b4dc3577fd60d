"""Tryton, the ERP that our connector is tried on: a server of our own with orders in it."""
