"""The settings tree, composed of each room's own settings."""
