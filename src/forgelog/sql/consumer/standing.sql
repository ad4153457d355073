-- Where a consumer is, in each of its lanes, and whether a trim has taken place.
-- Parameters: $1 text (the consumer's name).
-- Columns: name text (the consumer's, or that of a lane), position text, lanes int (how many the
-- consumer has; NULL: one), trimmed_to bigint, running boolean (a session has an older program's
-- lock on the name), has_lease boolean, holder text and seconds numeric (see
-- words/lease_fields.sql); no row where it has saved no position.
SELECT c.name, c.position,
       (SELECT (pg_catalog.to_jsonb(n) ->> 'lanes')::int
          FROM @schema@.forge_change_log_consumers n
         WHERE n.name >= $1 AND n.name <= $1 ORDER BY n.name DESC LIMIT 1) AS lanes,
       (SELECT s.trimmed_to FROM @schema@.forge_change_log_state s
         ORDER BY s.one DESC LIMIT 1) AS trimmed_to,
       NOT c.fields ? 'holder'
         AND EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE @claim_lock@) AS running,
       @lease_fields@
  FROM @consumers@ c
 WHERE c.name = $1::text OR pg_catalog.starts_with(c.name, $1::text || '#')
 ORDER BY c.name;
