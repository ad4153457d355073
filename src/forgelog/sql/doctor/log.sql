-- The log by the catalog alone: what it is, what belongs to it, and what this role may do with it.
-- There need not be a log in the schema, nor the schema.
-- Parameters: none.
-- Columns: schema text (quoted), schema_exists, exists (the log), unlogged, row_security text
-- (tables of the log of which this role may not see all rows), guards_hidden text (tables of which
-- the guard triggers may not), subscription text (which writes to the log), has_state,
-- has_consumers, missing_columns text (of the first edition's), missing_functions text,
-- missing_guards text, interfering text (what may keep a row out of the log), sequence text
-- (quoted), increment, cache, cycles, used numeric (the share of its numbers that the sequence has
-- given); what this role may do: may_use_schema, may_read (these columns), may_read_state,
-- may_delete, may_read_consumers, may_save; locked_by int (pid of a session that has locked the log
-- or waits to), idle_trimmer int (pid of a session that idles with the trimmer's lock); live_rows,
-- dead_rows, autovacuum_off.
SELECT pg_catalog.quote_ident(w.name) AS schema, n.oid IS NOT NULL AS schema_exists,
       c.oid IS NOT NULL AS exists, c.relpersistence = 'u' AS unlogged,
       (SELECT pg_catalog.string_agg(t.oid::pg_catalog.regclass::text, ', ' ORDER BY t.relname)
          FROM pg_catalog.pg_class t
         WHERE t.oid IN (c.oid, state.oid, consumers.oid) AND @hides_rows@) AS row_security,
       (SELECT pg_catalog.string_agg(t.oid::pg_catalog.regclass::text, ', ' ORDER BY t.relname)
          FROM pg_catalog.pg_class t
          JOIN pg_catalog.pg_proc p ON p.pronamespace = n.oid AND p.proname = 'forge_log_deleted'
          JOIN pg_catalog.pg_roles o ON o.oid = p.proowner
         WHERE t.oid IN (c.oid, state.oid) AND t.relrowsecurity
           AND NOT (o.rolsuper OR o.rolbypassrls)
           AND (t.relforcerowsecurity OR NOT pg_catalog.pg_has_role(o.oid, t.relowner, 'USAGE'))
       ) AS guards_hidden,
       (SELECT s.subname FROM pg_catalog.pg_subscription_rel r
          JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid
         WHERE r.srrelid = c.oid LIMIT 1) AS subscription,
       state.oid IS NOT NULL AS has_state, consumers.oid IS NOT NULL AS has_consumers,
       (SELECT pg_catalog.string_agg(m.name, ', ' ORDER BY m.place)
          FROM (@missing_fields@) m
         WHERE m.name IN (@first_fields@) AND m.name NOT IN (@essential_fields@)
       ) AS missing_columns,
       (SELECT pg_catalog.string_agg(want.name, ', ')
          FROM (VALUES @functions@) AS want(name)
         WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace = n.oid
                              AND p.proname = want.name)) AS missing_functions,
       (SELECT pg_catalog.string_agg(m.name, ', ') FROM (@missing_guards@) m) AS missing_guards,
       (SELECT pg_catalog.string_agg(m.name, ', ')
          FROM (SELECT 'trigger ' || t.tgname::text AS name FROM pg_catalog.pg_trigger t
                 WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
                   AND t.tgtype & 7 = 7 -- for each row, before, insert
                UNION ALL
                SELECT 'rule ' || r.rulename::text FROM pg_catalog.pg_rewrite r
                 WHERE r.ev_class = c.oid AND r.ev_type = '3' AND r.ev_enabled <> 'D') m
       ) AS interfering,
       pg_catalog.quote_ident(sn.nspname) || '.' || pg_catalog.quote_ident(sc.relname) AS sequence,
       q.seqincrement AS increment, q.seqcache AS cache, q.seqcycle AS cycles,
       last_given.value / q.seqmax::numeric AS used,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE') AS may_use_schema,
       (SELECT pg_catalog.bool_and(pg_catalog.has_column_privilege(c.oid, x.attnum, 'SELECT'))
          FROM pg_catalog.pg_attribute x
         WHERE x.attrelid = c.oid AND NOT x.attisdropped AND x.attname IN (@first_fields@)
       ) AS may_read,
       pg_catalog.has_column_privilege(state.oid, 'trimmed_to', 'SELECT') AS may_read_state,
       pg_catalog.has_table_privilege(c.oid, 'DELETE') AS may_delete,
       pg_catalog.has_table_privilege(consumers.oid, 'SELECT') AS may_read_consumers,
       pg_catalog.has_table_privilege(consumers.oid, 'INSERT')
         AND pg_catalog.has_table_privilege(consumers.oid, 'UPDATE') AS may_save,
       (SELECT l.pid FROM pg_catalog.pg_locks l
         WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
           AND l.relation IN (c.oid, state.oid, consumers.oid)
           AND l.database = @this_database@
           AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
         ORDER BY l.granted DESC LIMIT 1) AS locked_by,
       -- A trim holds the lock for a while, but it does not idle with it.
       (SELECT l.pid FROM pg_catalog.pg_locks l
          JOIN pg_catalog.pg_stat_activity x ON x.pid = l.pid
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
           AND @lock_number@ = @trimmer@ AND l.database = @this_database@
           AND x.state = 'idle'
           AND x.state_change < pg_catalog.clock_timestamp() - interval '5 seconds'
       ) AS idle_trimmer,
       s.n_live_tup AS live_rows, s.n_dead_tup AS dead_rows,
       (SELECT NOT o.option_value::bool FROM pg_catalog.pg_options_to_table(c.reloptions) o
         WHERE o.option_name = 'autovacuum_enabled') AS autovacuum_off
  FROM (SELECT @schema_name@ AS name) w
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.name
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = 'forge_change_log'
  LEFT JOIN pg_catalog.pg_class state
         ON state.relnamespace = n.oid AND state.relname = 'forge_change_log_state'
  LEFT JOIN pg_catalog.pg_class consumers
         ON consumers.relnamespace = n.oid AND consumers.relname = 'forge_change_log_consumers'
  LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'seq'
  LEFT JOIN LATERAL (SELECT x.* FROM (@log_sequence@) b(oid)
                       JOIN pg_catalog.pg_sequence x ON x.seqrelid = b.oid) q ON true
  LEFT JOIN pg_catalog.pg_class sc ON sc.oid = q.seqrelid
  LEFT JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
 CROSS JOIN LATERAL (
         SELECT CASE WHEN pg_catalog.has_sequence_privilege(q.seqrelid, 'USAGE, SELECT')
                     THEN coalesce(pg_catalog.pg_sequence_last_value(q.seqrelid), 0)
                END AS value) last_given;
