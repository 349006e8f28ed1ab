"""Management of access over HTTP: what is sent, what is told, and the SQL between, one file a subject."""
