"""What every route shares: sessions, callers, limits, problems, revisions, pages of answers."""
