"""What is true now, from memory: the board, the live stream, availability."""
