-- What log:watched() does not tell of the tables whose changes are logged to schema $1: triggers attached by hand, tables that
-- joined others since, what a subscription applies to them, and their partitions.
SELECT w.name, w.quoted,
       w.by_hand, w.off AS hand_off, w.events <> 28 AS hand_partial, -- 4 insert, 8 delete, 16 update
       w.captured, w.statement,
       EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = w.oid) AS joined,
       (SELECT pg_catalog.string_agg(k.relname, ', ' ORDER BY k.relname) -- a partition has a copy of the trigger
          FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid
         WHERE i.inhparent = w.oid AND NOT k.relispartition
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger x WHERE x.tgrelid = k.oid AND x.tgfoid = ANY (w.functions))) AS children,
       (SELECT s.subname FROM pg_catalog.pg_subscription_rel r JOIN pg_catalog.pg_subscription s ON s.oid = r.srsubid
         WHERE r.srrelid = w.oid OR r.srrelid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(w.oid) p) LIMIT 1) AS subscription,
       w.always_row,
       off.names AS copies_off, off.remedy AS copies_on,
       (SELECT count(*) FROM pg_catalog.pg_partition_tree(CASE w.relkind WHEN 'p' THEN w.oid END) p WHERE p.isleaf) AS partitions
  FROM (SELECT c.oid, c.relkind, pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted,
               CASE n.nspname WHEN $1 THEN '' ELSE n.nspname || '.' END || c.relname AS name,
               pg_catalog.quote_ident(max(t.tgname::text) FILTER (WHERE p.proname = 'forge_notify_change')) AS by_hand,
               pg_catalog.bool_and(t.tgenabled NOT IN ('O', 'A')) FILTER (WHERE p.proname = 'forge_notify_change') AS off,
               pg_catalog.bit_or(t.tgtype & 28) FILTER (WHERE p.proname = 'forge_notify_change') AS events,
               pg_catalog.bool_or(p.proname <> 'forge_notify_change') AS captured,
               pg_catalog.bool_or(p.proname = 'forge_capture_insert') AS statement,
               pg_catalog.bool_or(t.tgenabled = 'A' AND t.tgtype & 1 = 1) AS always_row,
               pg_catalog.array_agg(t.tgfoid) AS functions
          FROM pg_catalog.pg_trigger t
          JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid AND p.proname IN ('forge_capture_insert', 'forge_capture_update',
               'forge_capture_delete', 'forge_capture_row', 'forge_notify_change')
          JOIN pg_catalog.pg_namespace o ON o.oid = p.pronamespace AND o.nspname = $1
          JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE t.tgparentid = 0
         GROUP BY c.oid, c.relkind, n.nspname, c.relname) w
 CROSS JOIN LATERAL ( -- partitions whose copy of the trigger was disabled
         SELECT pg_catalog.string_agg(k.relname, ', ' ORDER BY k.relname) AS names,
                pg_catalog.string_agg(pg_catalog.format('ALTER TABLE %I.%I ENABLE TRIGGER %I', m.nspname, k.relname, x.tgname), '; '
                                      ORDER BY k.relname) AS remedy
          FROM pg_catalog.pg_trigger x JOIN pg_catalog.pg_class k ON k.oid = x.tgrelid
          JOIN pg_catalog.pg_namespace m ON m.oid = k.relnamespace
         WHERE x.tgparentid <> 0 AND x.tgenabled NOT IN ('O', 'A') AND x.tgfoid = ANY (w.functions)
           AND k.oid IN (SELECT p.relid FROM pg_catalog.pg_partition_tree(w.oid) p)) off
 ORDER BY 1
