"""A member at doors: what these decided on their cards, what they would open now, and opening one by an order."""
