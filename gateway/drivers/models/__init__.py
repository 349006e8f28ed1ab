"""The devices: what their messages mean, as tables where it can be."""
