-- Which rows l of pg_locks are the lock on a consumer's name, over c = a row with the column name.
-- The keys are signed, and the lock table shows them without their sign.
l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
        AND l.classid = @claimant@ AND l.database = @this_database@
        AND l.objid::bigint = @claim_key@::bigint & 4294967295
