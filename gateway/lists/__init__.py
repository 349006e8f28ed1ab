"""The access lists that a gateway decides by."""
