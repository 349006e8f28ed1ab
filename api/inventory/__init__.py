"""The inventory of places: open ones, those in preparation, and buildings that could become one."""
