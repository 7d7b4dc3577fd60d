"""What is known of Chinese beforehand: scripts, sounds, and words that mean the same."""
