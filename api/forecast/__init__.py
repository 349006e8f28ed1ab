"""The next hours of a place, and what is usual in it."""
