-- The arguments of t = a row of pg_trigger, each ended by a zero byte, as hex. The catalog has them
-- in the encoding of the database; here they are in that of the client, as all other text is.
coalesce((
  SELECT pg_catalog.string_agg(pg_catalog.encode(pg_catalog.convert_to(pg_catalog.convert_from(
           pg_catalog.decode(x.argument[1], 'hex'), pg_catalog.getdatabaseencoding()),
           pg_catalog.pg_client_encoding()), 'hex') || '00', '' ORDER BY x.place)
    FROM pg_catalog.regexp_matches(pg_catalog.encode(t.tgargs, 'hex'), '((?:..)*?)00', 'g')
         WITH ORDINALITY x(argument, place)), '')
