"""Cards over HTTP: their life, their numbers, and how far a change has spread."""
