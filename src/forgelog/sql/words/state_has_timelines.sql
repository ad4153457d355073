-- Whether the state has a column for the timelines on which something was deleted.
EXISTS (SELECT FROM pg_catalog.pg_attribute x
         WHERE x.attrelid
               = pg_catalog.to_regclass('@schema_text@.forge_change_log_state')::pg_catalog.oid
           AND x.attname = 'timelines' AND NOT x.attisdropped)
