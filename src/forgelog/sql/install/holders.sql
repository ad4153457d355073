-- Who holds a table, or runs another script of forgelog, so that a script could not lock it.
-- Parameters: $1 bigint (the table's oid), $2 boolean (readers hold it too), $3 boolean (the script
-- works on this table alone).
-- Columns: pid int (NULL: a prepared transaction), application, usename and state text ('' where
-- they are hidden from this role), seconds numeric (since its transaction began; NULL: hidden).
SELECT DISTINCT l.pid, coalesce(a.application_name, '') AS application,
       coalesce(a.usename, '') AS usename, coalesce(a.state, '') AS state,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start) AS seconds
  FROM pg_catalog.pg_locks l
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.granted AND l.database = @this_database@
   AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
   AND (l.locktype = 'relation' AND ($2::boolean OR l.mode <> 'AccessShareLock')
        AND (l.relation = $1::bigint::oid
             OR l.relation IN (SELECT p.relid::oid
                                 FROM pg_catalog.pg_partition_tree($1::bigint::oid) p))
        OR l.locktype = 'advisory' AND l.objsubid = 1 AND @lock_number@ = @installer@
           AND NOT ($3::boolean AND l.mode = 'ShareLock')
        OR l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid = @one_table@::bigint::oid
           AND l.objid = $1::bigint::oid)
 ORDER BY seconds DESC NULLS LAST LIMIT 5;
