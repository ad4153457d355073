--- The tables that installing takes and gives.
-- @module forgelog.install

--- Options of `install`.
-- @table Options
-- @tfield[opt] string schema where the log is to be; default: the one given to connect, else where
-- the search path finds a log, else its first schema
-- @tfield[opt] string|false owner the role that the capture functions belong to, with whose rights
-- they write; it is made if there is none of that name. false: the one that installs. Default: for
-- a superuser the one that they belong to unless that is a superuser, otherwise "forgelog"; for
-- others the one that installs
-- @tfield[opt] boolean hstore without effect; version 1.0 had it
-- @tfield[opt=1] number lock_timeout seconds to wait for a table at a time

--- Options of `installed`.
-- @table InstalledOptions
-- @tfield[opt] string schema where to look; default: as for `install`

--- What is in the database.
-- @table Installed
-- @tfield string schema where it was looked for
-- @tfield forgelog.install.Part[] parts what install makes
-- @tfield[opt] string owner the role that capture functions belong to
-- @tfield boolean current true: install has nothing to do
-- @tfield[opt] string obstacle what stands in the way of installing and of draining
-- @tfield[opt] forgelog.ErrorCode obstacle_code the same for programs
-- @tfield boolean own_trigger false: the function forge_notify_change there is not forgelog's, and
-- stays
-- @tfield boolean own_trimmer the same of forge_trim_change_log

--- A part of what install makes.
-- @table Part
-- @tfield forgelog.install.PartCode code which one
-- @tfield string name the same in words
-- @tfield boolean there whether it is there

--- Which part.
-- @choice PartCode
-- @field log the table of changes
-- @field tables the tables beside it
-- @field triggers those that keep count of what is trimmed
-- @field functions those that capture changes
