---@meta forgelog.install

---Which part.
---@alias forgelog.install.PartCode
---| "log" # the table of changes
---| "tables" # the tables beside it
---| "triggers" # those that keep count of what is trimmed
---| "functions" # those that capture changes

---Options of `install`.
---@class forgelog.install.Options
---where the log is to be; default: the one given to connect, else where the search path finds a log,
---else its first schema
---@field schema? string
---the role that the capture functions belong to, with whose rights they write; it is made if there
---is none of that name. false: the one that installs. Default: for a superuser the one that they
---belong to unless that is a superuser, otherwise "forgelog"; for others the one that installs
---@field owner? string|false
---without effect; version 1.0 had it
---@field hstore? boolean
---seconds to wait for a table at a time (default: 1)
---@field lock_timeout? number

---Options of `installed`.
---@class forgelog.install.InstalledOptions
---where to look; default: as for `install`
---@field schema? string

---What is in the database.
---@class forgelog.install.Installed
---where it was looked for
---@field schema string
---what install makes
---@field parts forgelog.install.Part[]
---the role that capture functions belong to
---@field owner? string
---true: install has nothing to do
---@field current boolean
---what stands in the way of installing and of draining
---@field obstacle? string
---the same for programs
---@field obstacle_code? forgelog.ErrorCode
---false: the function forge_notify_change there is not forgelog's, and stays
---@field own_trigger boolean
---the same of forge_trim_change_log
---@field own_trimmer boolean

---A part of what install makes.
---@class forgelog.install.Part
---which one
---@field code forgelog.install.PartCode
---the same in words
---@field name string
---whether it is there
---@field there boolean

---Installing the log in a database: its tables, the triggers that keep count of what is trimmed,
---and the functions that capture changes. Needs PostgreSQL 14 or later. A log has these functions
---as methods (`log:install{...}`); here they take its `connection`.
---@class forgelog.install
local install = {}

---Creates the log and what belongs to it, or adds what is missing and upgrades what is older, in
---one transaction; then it makes the functions of watched tables anew, table by table, where they
---are of an older program, or the table was altered. Functions of the same names that are not
---forgelog's stay as they are. Where nothing is to be done, nothing is locked.
---@param conn forgelog.connection.Connection the connection
---@param opts? forgelog.install.Options
---@return true?
---@return boolean|forgelog.Error # whether anything was changed; or an error: its `code` says what stands in the way
---@return forgelog.Error[]? # where there are watched tables whose functions could not be made anew: why (their changes are logged all the same, only slower)
function install.install(conn, opts) end

---Which parts of the log are in the database. Changes nothing.
---@param conn forgelog.connection.Connection the connection
---@param opts? forgelog.install.InstalledOptions
---@return forgelog.install.Installed?
---@return forgelog.Error
function install.installed(conn, opts) end

return install
