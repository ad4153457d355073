-- What the state says is trimmed, the largest seq, and what the sequence gave last. The sequence is
-- asked after the snapshot was taken, so it cannot be below the others unless somebody set it back.
-- Parameters: $1 text (the sequence, quoted; NULL: there is none).
-- Columns: trimmed_to bigint, largest bigint, last_given bigint (NULL: not allowed to know); no row
-- where the state has lost its row.
SELECT trimmed_to::bigint AS trimmed_to,
       (SELECT max(seq)::bigint FROM @schema@.forge_change_log) AS largest,
       CASE WHEN pg_catalog.has_sequence_privilege($1::pg_catalog.regclass, 'USAGE, SELECT')
            THEN coalesce(pg_catalog.pg_sequence_last_value($1::pg_catalog.regclass), 0)
       END AS last_given
  FROM @schema@.forge_change_log_state ORDER BY one DESC LIMIT 1;
