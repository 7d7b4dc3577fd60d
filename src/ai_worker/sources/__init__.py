"""Where documents come from that is not a folder of this machine."""
