"""``/manage/{place}/members``: find, make, change, import members; their cards, passes and proofs."""
