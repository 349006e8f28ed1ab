"""A place as a file: read, checked, compared with the database, applied in one transaction, and written back."""
