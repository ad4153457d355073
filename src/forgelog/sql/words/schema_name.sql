-- The name of the log's schema as the catalog has it, of type text.
(pg_catalog.parse_ident('@schema_text@'))[1]
