"""Stands in for the hardware: virtual readers, locks and sensors that speak the makers' own protocols."""
