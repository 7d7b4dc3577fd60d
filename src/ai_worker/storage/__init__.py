"""Storage: implements every room's store port."""
