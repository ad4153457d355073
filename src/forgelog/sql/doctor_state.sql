-- What the state of @schema@ says is gone (no row: it has lost it), the largest seq, and what the sequence $1 gave last: asked
-- after the snapshot, so that it cannot be below the others unless somebody has set it back.
SELECT trimmed_to::bigint AS trimmed_to, (SELECT max(seq)::bigint FROM @schema@.forge_change_log) AS largest,
       CASE WHEN pg_catalog.has_sequence_privilege($1::pg_catalog.regclass, 'USAGE, SELECT')
            THEN coalesce(pg_catalog.pg_sequence_last_value($1::pg_catalog.regclass), 0) END AS last
  FROM @schema@.forge_change_log_state
