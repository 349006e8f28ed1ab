-- The many numbers of what was learned, as 4-byte floats (occupancy.departures.Learnt.numbers); `model` holds the few others.
ALTER TABLE forecast_model ADD COLUMN numbers bytea;
UPDATE forecast_model SET model = NULL, learnt_at = '-infinity';
