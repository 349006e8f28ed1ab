"""The schema as numbered SQL, the runner that applies it, and the connections to it."""
