-- A package may bring a driver: whether a gateway has it is checked where its configuration is written and read.
ALTER TABLE device DROP CONSTRAINT device_driver_check,
  ADD CONSTRAINT device_driver_check CHECK (driver <> '');
