"""The one list of connector kinds."""
