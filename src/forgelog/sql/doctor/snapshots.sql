-- Who keeps vacuum from removing what was deleted from the log since: sessions with an open
-- transaction in this database, and prepared transactions, oldest first. Standbys and replication
-- slots may, too, but do not say since when.
-- Parameters: none.
-- Columns: pid int (NULL: prepared), application_name text, usename name, prepared text (the name
-- of a prepared transaction), since numeric (Unix seconds; NULL where this role is not allowed to
-- know).
SELECT a.pid, a.application_name, a.usename, NULL AS prepared,
       extract(epoch FROM a.xact_start) AS since
  FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
   AND a.backend_type <> 'autovacuum worker'
   AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)
UNION ALL
SELECT NULL, NULL, p.owner, p.gid, extract(epoch FROM p.prepared)
  FROM pg_catalog.pg_prepared_xacts p
 WHERE p.database = pg_catalog.current_database()
 ORDER BY since;
