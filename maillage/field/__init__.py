"""A place's own broker: its users and what each may do, its files, and what a person types into each board."""
