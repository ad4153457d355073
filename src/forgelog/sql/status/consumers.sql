-- The consumers that keep their position in the table store, and who runs each: whoever has its
-- lease, or a session that holds an older program's lock.
-- Parameters: none.
-- Columns: name text, position text, updated_at numeric (Unix seconds), running boolean (NULL: on a
-- standby that has not replayed a lease of now, which is there a little later than on the primary),
-- pid int and application_name text (NULL: the session is not known, as behind a pooler, or is one
-- of the primary), paused boolean; has_lease boolean, holder text and seconds numeric: see
-- words/lease_fields.sql.
SELECT c.name, c.position, extract(epoch FROM c.updated_at) AS updated_at,
       CASE WHEN l.pid IS NOT NULL OR h.leased THEN true
            WHEN NOT pg_catalog.pg_is_in_recovery() THEN false END AS running,
       coalesce(l.pid, CASE WHEN h.leased THEN h.pid END) AS pid,
       coalesce(a.application_name, CASE WHEN h.leased THEN h.application_name END)
         AS application_name,
       c.fields ->> 'paused_at' IS NOT NULL AS paused,
       @lease_fields@
  FROM @consumers@ c
  LEFT JOIN pg_catalog.pg_locks l ON @claim_lock@
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
  LEFT JOIN LATERAL (
         SELECT a.pid, a.application_name,
                (c.fields ->> 'lease_until')::timestamptz > pg_catalog.clock_timestamp()
                  AND (c.fields ->> 'pid' IS NULL OR a.pid IS NOT NULL
                       OR pg_catalog.pg_is_in_recovery()) AS leased
           FROM (VALUES (true)) one(row)
           LEFT JOIN pg_catalog.pg_stat_activity a
             ON a.pid = (c.fields ->> 'pid')::int
            AND (a.backend_start IS NULL OR @session_start@ = c.fields ->> 'started')) h ON true
 ORDER BY c.name;
