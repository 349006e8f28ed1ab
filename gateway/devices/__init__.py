"""What a device's message is worth: silence, repeats, old messages, what no driver could read."""
