-- Who came to a booking and who left: seen at the doors and at the desks (docs/bookings.md). No-shows are released.

ALTER TABLE booking_rule
  ADD COLUMN no_show_minutes integer CHECK (no_show_minutes BETWEEN 2 AND 1440),  -- nobody came for so long: released; NULL: never
  ADD COLUMN leave_minutes integer CHECK (leave_minutes BETWEEN 0 AND 1440);      -- its holder left for so long: free; NULL: 15

-- Beside the booking: what is written here is neither a revision of it nor a line of the audit.
CREATE TABLE attendance (
  booking text PRIMARY KEY REFERENCES booking ON DELETE CASCADE,
  in_at timestamptz,                          -- first seen: by a badge-in, or by the desk's sensor
  seen_at timestamptz,                        -- last seen so
  left_at timestamptz,                        -- last badge-out
  looked_at timestamptz,                      -- when it was looked up whether its holder was inside already
  warned_at timestamptz                       -- when its holder was warned of the release
);
ALTER TABLE attendance ENABLE ROW LEVEL SECURITY;
CREATE POLICY process ON attendance TO maillage_maintain USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON attendance TO maillage_maintain;

-- Up to which line of the feed events have been read; moved in the transaction that notes what they say.
CREATE TABLE attendance_mark (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  n bigint NOT NULL
);
INSERT INTO attendance_mark (n) SELECT coalesce(max(f.n), 0) FROM feed f;
GRANT SELECT, UPDATE (n) ON attendance_mark TO maillage_maintain;

-- no act of anybody's: neither a revision nor a line of the audit
ALTER TABLE booking DISABLE TRIGGER USER;
UPDATE booking SET status = 'ended' WHERE status = 'booked' AND member IS NOT NULL AND ends_at < now();
ALTER TABLE booking ENABLE TRIGGER USER;
CREATE INDEX booking_open ON booking (starts_at) WHERE status IN ('booked', 'checked_in') AND member IS NOT NULL;

-- What jobs ask of a booking: its kind, its desk, and the rules of its place (one for the kind counts before that for all).
CREATE VIEW booking_watched WITH (security_invoker) AS
SELECT b.ref, b.place, b.space, b.member, b.status, b.starts_at, b.ends_at, b.checked_in_at, b.unit, u.desk, r.name,
  k.kind, w.no_show, w.leave,
  a.in_at, a.seen_at, a.left_at, a.looked_at, a.warned_at
FROM booking b
LEFT JOIN resource_unit u ON u.id = b.unit
LEFT JOIN resource r ON r.id = u.resource
LEFT JOIN attendance a ON a.booking = b.ref
CROSS JOIN LATERAL (SELECT coalesce(r.kind, CASE WHEN b.one_party THEN 'room' ELSE 'seat' END) AS kind) k
CROSS JOIN LATERAL (
  SELECT make_interval(mins => coalesce(
      max(o.no_show_minutes) FILTER (WHERE o.kind IS NOT NULL), max(o.no_show_minutes))) AS no_show,
    make_interval(mins => coalesce(
      max(o.leave_minutes) FILTER (WHERE o.kind IS NOT NULL), max(o.leave_minutes), 15)) AS leave
  FROM booking_rule o WHERE o.place = b.place AND (o.kind IS NULL OR o.kind = k.kind)
) w
WHERE b.member IS NOT NULL;
GRANT SELECT ON booking_watched, booking_rule, place_policy TO maillage_maintain;
GRANT USAGE ON SCHEMA report TO maillage_maintain;
GRANT SELECT ON report.line TO maillage_maintain;

-- What the sensors say of a desk (NULL: none) in a space (NULL: of the place as a whole) at a time. silent: known, and nobody
-- is there; taken: somebody is at the desk.
CREATE FUNCTION booking_senses(place integer, space integer, desk integer, at timestamptz)
RETURNS TABLE (silent boolean, taken boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT q.known AND CASE WHEN d.sensors > 0 THEN d.free ELSE st.present = 0 END, q.known AND d.taken
  FROM space s
  LEFT JOIN space_state st ON st.space = s.id
  LEFT JOIN report.line l ON l.place = s.place
  CROSS JOIN LATERAL (
    SELECT coalesce(st.quality IN ('live', 'degraded') AND booking_senses.at
      <= CASE WHEN l.clear THEN greatest(st.at, l.heard_at) ELSE st.at END + make_interval(secs => st.ttl_s), false) AS known
  ) q
  CROSS JOIN LATERAL (
    -- the fold has each sensor's last word, and which of them have fallen silent
    SELECT count(*) AS sensors, coalesce(bool_or(w.word = 'true'), false) AS taken,
      coalesce(bool_and(w.word = 'false' AND NOT coalesce(st.fold -> 'silent' @> to_jsonb(v.id), false)), false) AS free
    FROM device v CROSS JOIN LATERAL (SELECT st.fold #>> ARRAY['desks', v.id::text, '0'] AS word) w
    WHERE v.desk = booking_senses.desk AND v.kind = 'desk_sensor'
  ) d
  WHERE s.place = booking_senses.place
    AND CASE WHEN booking_senses.space IS NULL THEN s.parent IS NULL ELSE s.id = booking_senses.space END
    AND s.retired_at IS NULL
$$;
REVOKE ALL ON FUNCTION booking_senses(integer, integer, integer, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION booking_senses(integer, integer, integer, timestamptz) TO maillage_maintain;
