"""The spool: events on disk until the centre has committed them."""
