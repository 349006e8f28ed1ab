"""How many people are where, how sure that is, and which seats are free: pure rules, the standard library only."""
