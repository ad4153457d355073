-- The number of an advisory lock with one key, over l = pg_locks; its objsubid is 1.
l.classid::pg_catalog.int8 << 32 | l.objid::pg_catalog.int8
