"""Virtual devices: each sends the messages of its maker's device."""
