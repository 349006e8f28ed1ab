"""Members, cards and passes as CSV: in with a report by line, out so that it can come back in."""
