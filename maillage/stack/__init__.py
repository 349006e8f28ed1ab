"""``maillage up``: the servers and every process of Maillage on one machine, watched, measured and stopped together."""
