"""``maillage sample``: stores the sample network that ``simulator.sample`` makes from a seed."""
