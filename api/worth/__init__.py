"""What places are worth: how much of what they offer is taken, and how a place stands beside others."""
