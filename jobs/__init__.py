"""What runs by the clock: rollups, retention, the check of open readers."""
