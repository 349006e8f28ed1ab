"""The sample network as values: equipment, people, cards and passes of a place, made from a seed. Pure."""
