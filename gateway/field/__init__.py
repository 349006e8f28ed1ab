"""The devices' side: their messages heard, acknowledged, and cleared of repeats."""
