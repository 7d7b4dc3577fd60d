"""Tests of the kind `tryton`."""
