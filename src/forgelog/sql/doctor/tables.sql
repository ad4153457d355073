-- What tables.watched() does not say of the tables whose changes are logged: triggers attached by
-- hand, tables that joined others since, what a subscription applies to them, and their partitions.
-- Parameters: none.
-- Columns: name text (as in table_name), quoted text, by_hand text (a row trigger that somebody
-- attached), hand_off boolean (that is disabled), hand_partial boolean (it is not for every change
-- of rows), captured boolean (watched), statement boolean (by triggers for whole statements),
-- joined boolean (it is part of another table that is not watched), children text (tables that
-- inherit from it and are not logged), subscription text (which writes to it), row_trigger text
-- (made by watch), always_row boolean (a row trigger fires always), unlogged text (tables that a
-- crash empties), own_writers text (somebody's AFTER ROW triggers whose functions speak of the
-- table), copies_off text (partitions whose copy of the trigger is disabled), copies_on text (the
-- statements that enable it), partitions bigint.
SELECT w.name, w.quoted,
       w.by_hand, w.hand_off, w.events <> 28 AS hand_partial, -- 4 insert, 8 delete, 16 update
       w.captured, w.statement,
       EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = w.oid)
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(w.oid) a
                           JOIN pg_catalog.pg_trigger x ON x.tgrelid = a.relid::oid
                            AND x.tgname ~ '^forge_capture_row' AND x.tgparentid = 0::oid
                          WHERE a.relid::oid <> w.oid) AS joined,
       (SELECT pg_catalog.string_agg(k.relname, ', ' ORDER BY k.relname)
          FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid
         WHERE i.inhparent = w.oid
           AND NOT k.relispartition -- a partition has a copy of the trigger
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger x
                             JOIN pg_catalog.pg_proc p ON p.oid = x.tgfoid
                            JOIN pg_catalog.pg_namespace o
                              ON o.oid = p.pronamespace AND o.nspname = @schema_name@
                           WHERE x.tgrelid = k.oid AND p.proname ~ '^forge_')) AS children,
       (SELECT s.subname FROM pg_catalog.pg_subscription_rel r
          JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid
         WHERE r.srrelid = w.oid
            OR r.srrelid IN (SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(w.oid) p)
         LIMIT 1) AS subscription,
       w.row_trigger, w.always_row,
       (SELECT pg_catalog.string_agg(u.oid::pg_catalog.regclass::text, ', ')
          FROM pg_catalog.pg_class u
         WHERE u.relpersistence = 'u'
           AND (u.oid = w.oid
                OR u.oid IN (SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(w.oid) p))
       ) AS unlogged,
       (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(x.tgname), ', ' ORDER BY x.tgname)
          FROM pg_catalog.pg_trigger x JOIN pg_catalog.pg_proc p ON p.oid = x.tgfoid
         WHERE x.tgrelid = w.oid AND NOT x.tgisinternal AND x.tgtype & 3 = 1 -- AFTER, for rows
           AND x.tgfoid <> ALL (w.functions)
           AND pg_catalog.strpos(pg_catalog.lower(p.prosrc), pg_catalog.lower(w.relname)) > 0
       ) AS own_writers,
       copies.off AS copies_off, copies.remedy AS copies_on,
       (SELECT count(*)
          FROM pg_catalog.pg_partition_tree(CASE w.relkind WHEN 'p' THEN w.oid END) p
         WHERE p.isleaf) AS partitions
  FROM (SELECT c.oid, c.relkind, c.relname, @table_name@ AS name,
               pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted,
               pg_catalog.quote_ident(max(t.tgname::text) FILTER (WHERE p.hand)) AS by_hand,
               pg_catalog.bool_and(t.tgenabled NOT IN ('O', 'A')) FILTER (WHERE p.hand) AS hand_off,
               pg_catalog.bit_or(t.tgtype & 28) FILTER (WHERE p.hand) AS events,
               pg_catalog.bool_or(NOT p.hand) AS captured,
               pg_catalog.bool_or(p.proname ~ '^forge_capture_insert') AS statement,
               max(t.tgname::text) FILTER (WHERE p.proname ~ '^forge_capture_row') AS row_trigger,
               pg_catalog.bool_or(t.tgenabled = 'A' AND t.tgtype & 1 = 1) AS always_row,
               pg_catalog.array_agg(t.tgfoid) AS functions
          FROM pg_catalog.pg_trigger t
          JOIN (SELECT x.oid, x.proname, x.proname = 'forge_notify_change' AS hand
                  FROM pg_catalog.pg_proc x
                  JOIN pg_catalog.pg_namespace o
                    ON o.oid = x.pronamespace AND o.nspname = @schema_name@
                 WHERE x.proname ~ '^forge_capture_(insert|update|delete|row)(_[0-9]+)?$'
                    OR x.proname = 'forge_notify_change'
               ) p ON p.oid = t.tgfoid
          JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE t.tgparentid = 0::oid
         GROUP BY c.oid, c.relkind, n.nspname, c.relname) w
 CROSS JOIN LATERAL (
         SELECT pg_catalog.string_agg(k.relname, ', ' ORDER BY k.relname) AS off,
                pg_catalog.string_agg(pg_catalog.format('ALTER TABLE %I.%I ENABLE TRIGGER %I',
                  m.nspname, k.relname, x.tgname), '; ' ORDER BY k.relname) AS remedy
           FROM pg_catalog.pg_trigger x JOIN pg_catalog.pg_class k ON k.oid = x.tgrelid
           JOIN pg_catalog.pg_namespace m ON m.oid = k.relnamespace
          WHERE x.tgparentid <> 0::oid AND x.tgenabled NOT IN ('O', 'A')
            AND x.tgfoid = ANY (w.functions)
            AND k.oid IN (SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(w.oid) p)) copies
 ORDER BY w.name;
