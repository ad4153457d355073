-- Whether row level security may hide rows of a table from this role: policies apply, and for one
-- of the commands they do not let every row be seen.
-- Parameters: $1 text (the table, in the log's schema), $2 text (letters of the commands, as in
-- pg_policy: r, w, d).
-- Columns: name text (of the table, quoted); no row where all rows are seen.
SELECT t.oid::pg_catalog.regclass::text AS name
  FROM pg_catalog.pg_class t
 WHERE t.oid = pg_catalog.to_regclass('@schema_text@.' || $1::text)::pg_catalog.oid
   AND pg_catalog.row_security_active(t.oid)
   AND EXISTS (SELECT FROM pg_catalog.regexp_split_to_table($2, '') AS done(command)
                WHERE @policies_hide@);
