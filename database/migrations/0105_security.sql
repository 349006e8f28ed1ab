-- *Doors and security*, for readers who may: what was decided at doors, by pseudonym.

-- Whether the reader may also see decisions at this place's doors (place NULL: at all doors).
ALTER TABLE scope ADD COLUMN security boolean NOT NULL DEFAULT false;

-- Makes pseudonyms. Nobody is granted it: only the view below reads it.
CREATE TABLE pseudonym_key (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  key bytea NOT NULL CHECK (length(key) = 32)
);
INSERT INTO pseudonym_key (key) VALUES (uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- Each decision at a door. who: a pseudonym, the same for one person (or one unknown badge) at one place in one local month;
-- another place or month has another, so that nobody can be followed through the network or for years. It is made when it
-- is asked for: of a person who is forgotten nothing is left.
CREATE VIEW report.door_decision WITH (security_barrier) AS
SELECT e.at, p.place, p.department, d.code AS door, d.name AS door_name, v.side, e.state = 1 AS granted, r.name AS reason,
  e.member IS NOT NULL AS known,
  left(encode(sha256(k.key || int4send(p.id) || convert_to(
    to_char(e.at AT TIME ZONE p.time_zone, 'YYYYMM') || coalesce('m' || e.member, 'c' || encode(e.card, 'hex')), 'UTF8'
  )), 'hex'), 8) AS who
FROM report.place p
JOIN event e ON e.place = p.id AND e.kind = 1
JOIN device v ON v.id = e.device
JOIN door d ON d.id = v.door
JOIN reason r ON r.id = e.reason
CROSS JOIN pseudonym_key k
WHERE e.place = ANY (ARRAY(SELECT seen.id FROM report.place seen))
  AND EXISTS (SELECT FROM scope s WHERE s.role = current_user AND s.security AND (s.place IS NULL OR s.place = e.place));

-- What contacts said of doors that wasn't in order, without persons; state: 2 forced, 3 held, 4 tampered with.
CREATE VIEW report.door_trouble WITH (security_barrier) AS
SELECT e.at, p.place, p.department, d.code AS door, d.name AS door_name, e.state::integer AS state
FROM event e
JOIN device v ON v.id = e.device
JOIN door d ON d.id = v.door
JOIN report.place p ON p.id = e.place
WHERE e.kind = 4 AND e.state >= 2 AND e.place = ANY (ARRAY(SELECT seen.id FROM report.place seen));

GRANT SELECT ON report.door_decision, report.door_trouble TO maillage_report;
