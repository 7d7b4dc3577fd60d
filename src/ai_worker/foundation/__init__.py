"""The foundation: small, boring things that at least three rooms need. At most ten files."""
