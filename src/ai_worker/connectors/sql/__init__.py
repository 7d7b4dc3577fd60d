"""Databases as business systems: what is asked of them is fixed by an administrator, and only ever reads."""
