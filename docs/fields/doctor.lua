--- The tables that the doctor takes and gives.
-- @module forgelog.doctor

--- Options of `diagnose`.
-- @table Options
-- @tfield[opt=86400] number older_than seconds: age of changes that a trim should have deleted

--- What a check has found.
-- @table Finding
-- @tfield string check its name
-- @tfield string code what was found, for programs: "ok", "no_log" ...
-- @tfield forgelog.doctor.Severity severity how bad it is
-- @tfield string message in words
-- @tfield[opt] string advice what to do; nil where all is well

--- How bad it is.
-- @choice Severity
-- @field ok all is well
-- @field note good to know
-- @field warning it is slow, held up, or will fail soon
-- @field error changes are or will be missed, or writes fail
