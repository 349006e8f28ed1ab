"""Members and their organisations."""
