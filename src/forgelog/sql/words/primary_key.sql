-- The columns of a table's primary key in their order, as text[], over c = a row with the column
-- oid, such as one of pg_class.
ARRAY(SELECT a.attname::text
        FROM pg_catalog.pg_index i
       CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
       WHERE i.indrelid = c.oid AND i.indisprimary AND k.place <= i.indnkeyatts
       ORDER BY k.place)
