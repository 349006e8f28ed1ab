-- What answers without a key say of a place's numbers (docs/privacy.md).
ALTER TABLE place
  -- numbers of people up to it are shown as one band
  ADD COLUMN public_threshold smallint NOT NULL DEFAULT 3 CHECK (public_threshold BETWEEN 1 AND 1000),
  -- larger ones as they are; else only whether the space is nearly full
  ADD COLUMN public_numbers boolean NOT NULL DEFAULT false;
GRANT UPDATE (public_threshold, public_numbers) ON place TO maillage_api;
