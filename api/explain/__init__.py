"""Why a door opens or doesn't, who is inside, and what other rules would have changed: from events and lists."""
