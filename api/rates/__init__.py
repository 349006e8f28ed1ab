"""Rates and rights by category of person, their proofs and their funders."""
