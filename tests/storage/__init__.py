"""The embedded store: its file, its writer and its promises under trouble."""
