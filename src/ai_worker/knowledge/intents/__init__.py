"""What a question means, learned from the wordings that its own site wrote down."""
