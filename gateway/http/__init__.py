"""What a gateway process answers over HTTP: health, metrics, the evacuation list."""
