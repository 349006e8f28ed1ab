"""The connection to a place's field broker, and the thread that takes its messages in."""
