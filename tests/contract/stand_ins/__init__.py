"""The platforms that the channel contract is tested against, a file for each."""
