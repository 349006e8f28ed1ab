-- Tell who holds the network in memory (the API's board) that it changed: one empty notification a transaction at most,
-- since equal ones are merged at commit.
CREATE FUNCTION network_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('maillage_network', '');
  RETURN NULL;
END $$;
CREATE TRIGGER place_changed AFTER INSERT OR UPDATE OR DELETE ON place FOR EACH STATEMENT EXECUTE FUNCTION network_changed();
CREATE TRIGGER space_changed AFTER INSERT OR UPDATE OR DELETE ON space FOR EACH STATEMENT EXECUTE FUNCTION network_changed();
CREATE TRIGGER desk_changed AFTER INSERT OR UPDATE OR DELETE ON desk FOR EACH STATEMENT EXECUTE FUNCTION network_changed();
CREATE TRIGGER door_changed AFTER INSERT OR UPDATE OR DELETE ON door FOR EACH STATEMENT EXECUTE FUNCTION network_changed();
CREATE TRIGGER gateway_changed AFTER INSERT OR UPDATE OR DELETE ON gateway FOR EACH STATEMENT EXECUTE FUNCTION network_changed();
