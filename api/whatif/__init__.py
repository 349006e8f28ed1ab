"""What other rules would have changed: the readings of the last weeks, decided again."""
