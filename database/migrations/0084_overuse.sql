-- How many units beyond a pass's allowance a place still lets in: the use is noted and billed. 0: it refuses.
ALTER TABLE place_policy ADD COLUMN overuse integer NOT NULL DEFAULT 0 CHECK (overuse BETWEEN 0 AND 1000);
