-- What is written down of watched tables under other names than they have now.
-- Parameters: $1 text[] (names in the log), $2 bigint[] (the oids of tables).
-- Columns: name text (in the log, when it was watched), relation bigint, name_now text (NULL: it is
-- gone), taken boolean (another table has the name); one row for each table watched once that had
-- such a name or is such a table.
SELECT w.table_name AS name, w.relation::bigint AS relation, now.name AS name_now,
       now.name IS DISTINCT FROM w.table_name AND EXISTS (
         SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p') AND c.oid <> w.relation AND @table_name@ = w.table_name)
         AS taken
  FROM @schema@.forge_change_log_watches w
  LEFT JOIN LATERAL (
         SELECT @table_name@ AS name
           FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          WHERE c.oid = w.relation) now ON true
 WHERE w.table_name = ANY ($1::text[]) OR w.relation::bigint = ANY ($2::bigint[]);
