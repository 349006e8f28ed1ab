"""What is held for whom and what it costs: conflicts, quotas, waiting lists, statements. Standard library only."""
