-- Wi-Fi access points: a radio's number of stations is weak evidence of how many people are in its space.

ALTER TABLE device
  DROP CONSTRAINT device_kind_check,
  ADD CONSTRAINT device_kind_check CHECK (kind IN
    ('reader', 'keypad', 'lock', 'desk_sensor', 'presence_sensor', 'counter', 'contact', 'climate', 'access_point')),
  ADD CONSTRAINT device_access_point_space CHECK (kind <> 'access_point' OR space IS NOT NULL);
