"""The conversation: what is said, what is understood, what is decided and what is answered."""
