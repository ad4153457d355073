-- The fields of a change that the log has no column for, in their order; over c = pg_class of the
-- log.
SELECT want.name, want.place
  FROM pg_catalog.unnest(ARRAY[@fields@]) WITH ORDINALITY AS want(name, place)
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute x
                    WHERE x.attrelid = c.oid AND x.attname = want.name AND NOT x.attisdropped)
