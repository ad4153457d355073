-- Whether the log has the index by which old changes are found; over c = pg_class of the log.
EXISTS (SELECT FROM pg_catalog.pg_index i
          JOIN pg_catalog.pg_attribute x ON x.attrelid = i.indrelid AND x.attnum = i.indkey[0]
         WHERE i.indrelid = c.oid AND x.attname = 'created_at' AND i.indpred IS NULL)
