"""API keys: made, listed, revoked, held only as digests."""
