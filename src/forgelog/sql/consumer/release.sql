-- Gives the claim on a consumer's name back before the session ends.
-- Parameters: $1 text (the name).
-- Columns: pg_advisory_unlock boolean (whether this session had it).
SELECT pg_catalog.pg_advisory_unlock(@claimant@, @claim_key@) FROM (SELECT $1::text AS name) c;
