-- Who has the lease on a consumer's name, over c = a row of @consumers@: has_lease boolean (whether
-- the log has leases), holder text (NULL: nobody has it), seconds numeric (that it lasts yet).
c.fields ? 'holder' AS has_lease, c.fields ->> 'holder' AS holder,
       extract(epoch FROM (c.fields ->> 'lease_until')::timestamptz - pg_catalog.clock_timestamp())
         AS seconds
