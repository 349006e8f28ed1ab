"""Import of members, cards and passes from CSV with a report for each line, and their export."""
