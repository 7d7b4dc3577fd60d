"""Kafka in front of the store: messages wait there, and count as answered for only in the database."""
