-- The fields without which a table is no change log; install adds the others where they are
-- missing.
'seq', 'table_name', 'op'
