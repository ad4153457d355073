-- Whoever held the lease once may save a position.
return {
  scenarios = { "lease_slept_through" },
  rule = "only who has the lease saves, over the position that it knows",
  changes = { {
    file = "src/forgelog/sql/lease/save.sql",
    find = "   AND c.epoch = $2 AND c.position IS NOT DISTINCT FROM $5\n",
    put = "   AND ($2::bigint, $5::text) IS NOT NULL\n",
  } },
  says = "twice",
  scale = 1,
}
