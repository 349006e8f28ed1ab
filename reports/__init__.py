"""Monthly reports of a place, a department or the network: figures, tables, and documents in French and English."""
