"""Virtual devices: each says what its maker's would, in its maker's words."""
