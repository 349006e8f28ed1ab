-- The doors of a place in preparation or closed for good open to hosts only: the lists of such places are made anew.
INSERT INTO access_dirty (place, hurry) SELECT id, true FROM place WHERE status <> 'open';
