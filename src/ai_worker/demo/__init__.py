"""The sample company and the simulated platforms: real protocols over sockets."""
