"""The audit trail, and the entries that reads leave in it."""
