-- The second half of the lock on a consumer's name, over c = a row with the column name.
pg_catalog.hashtext(@log_oid@::pg_catalog.text || c.name)
