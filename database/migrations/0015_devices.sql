-- Readers with keys, and Wiegand readers that write numbers without their zeros in front.

ALTER TABLE device
  DROP CONSTRAINT device_kind_check,
  ADD CONSTRAINT device_kind_check CHECK (kind IN
    ('reader', 'keypad', 'lock', 'desk_sensor', 'presence_sensor', 'counter', 'contact', 'climate')),
  ADD CONSTRAINT device_keypad_door CHECK (kind <> 'keypad' OR door IS NOT NULL),
  ADD COLUMN bits integer CHECK (bits BETWEEN 24 AND 64);   -- of a card, parity included; NULL: not a Wiegand reader
