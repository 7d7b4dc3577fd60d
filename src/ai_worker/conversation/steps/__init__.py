"""The steps of a turn: understand, retrieve, decide, act, compose, guard. Each is a few plain functions."""
