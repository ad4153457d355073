-- What tells the log of one cluster, primary or standby, from that of another one, also from a copy
-- that was made of it once.
-- Parameters: none.
-- Columns: system text; seq bigint and created_at text (of the newest change; none: no row).
SELECT s.system_identifier::text AS system, l.seq::bigint AS seq,
       extract(epoch FROM l.created_at)::text AS created_at
  FROM pg_catalog.pg_control_system() s,
       (SELECT seq, created_at FROM @schema@.forge_change_log ORDER BY seq DESC LIMIT 1) l;
