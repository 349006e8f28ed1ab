"""The present state from memory: the board, the live stream, availability, and the network's places."""
