-- The transactions that have written to the log and are still open, oldest first.
-- Parameters: none.
-- Columns: pid int, application_name text, usename name, state text, prepared text (the name of a
-- prepared transaction, which has no pid), since numeric (Unix seconds; NULL where this role is not
-- allowed to know), virtualtransaction text.
SELECT l.pid, a.application_name, a.usename, a.state, p.gid AS prepared,
       extract(epoch FROM coalesce(a.xact_start, p.prepared)) AS since, l.virtualtransaction
  FROM (SELECT l.* FROM pg_catalog.pg_locks l WHERE @is_writer@) l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
  LEFT JOIN pg_catalog.pg_prepared_xacts p ON l.pid IS NULL AND p.transaction IN (
         -- A prepared transaction keeps the lock on its own xid, which leads to its name.
         SELECT x.transactionid FROM pg_catalog.pg_locks x
          WHERE x.locktype = 'transactionid' AND x.pid IS NULL
            AND x.virtualtransaction = l.virtualtransaction)
 ORDER BY since NULLS LAST;
