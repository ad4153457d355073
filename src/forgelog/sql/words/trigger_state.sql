-- What tells a trigger that was made or switched since from the same one untouched, over t =
-- pg_trigger: the transaction that wrote its row. A trigger that is always enabled is as good as
-- any.
CASE t.tgenabled WHEN 'A' THEN 'always' ELSE t.xmin::text END
