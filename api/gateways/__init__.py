"""Gateways: how one is added, joins, is shut out and retired."""
