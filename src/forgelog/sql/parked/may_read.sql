-- Whether there is a table of parked changes, as in a log of earlier there is not, and whether this
-- role may read it.
-- Parameters: none.
-- Columns: may_read boolean; no row where there is no such table.
SELECT pg_catalog.has_schema_privilege(t.relnamespace, 'USAGE')
         AND pg_catalog.has_table_privilege(t.oid, 'SELECT') AS may_read
  FROM pg_catalog.pg_class t JOIN pg_catalog.pg_class l ON l.relnamespace = t.relnamespace
 WHERE l.oid = @log_oid@ AND t.relname = 'forge_change_log_parked' AND t.relkind IN ('r', 'p');
