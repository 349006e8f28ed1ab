-- What made each published number: the kinds of sources with what each said and how much it counted, and their faults.
ALTER TABLE space_state ADD COLUMN why jsonb;
