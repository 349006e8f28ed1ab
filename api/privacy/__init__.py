"""The data about one person, exported and erased, as data protection law requires."""
