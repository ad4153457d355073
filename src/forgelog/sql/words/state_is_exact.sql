-- Whether the state has a column for each thing that it keeps, not only for what the first edition
-- kept.
(SELECT pg_catalog.count(*) FROM pg_catalog.pg_attribute x
  WHERE x.attrelid = pg_catalog.to_regclass('@schema_text@.forge_change_log_state')::pg_catalog.oid
    AND x.attname IN ('deleted', 'empty_to', 'seen_to', 'seen_writers', 'seen_lows')
    AND NOT x.attisdropped) = 5
