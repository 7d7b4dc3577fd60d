"""The one list of channel kinds."""
