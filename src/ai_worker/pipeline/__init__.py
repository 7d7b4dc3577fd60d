"""The pipeline: accept, order, turn, deliver. What was accepted is answered, once, in order."""
