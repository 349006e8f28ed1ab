"""API keys: created, listed and revoked; only their digests are stored."""
