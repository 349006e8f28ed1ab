"""A place's plan: where its spaces and desks stand."""
