"""Knowledge: what the worker may say, where it comes from, and how it is found."""
