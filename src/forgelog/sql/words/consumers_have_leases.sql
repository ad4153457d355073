-- Whether the table of consumers says who works for each, and not only where each is.
EXISTS (SELECT FROM pg_catalog.pg_attribute x
         WHERE x.attrelid
               = pg_catalog.to_regclass('@schema_text@.forge_change_log_consumers')::pg_catalog.oid
           AND x.attname = 'asked' AND NOT x.attisdropped)
