rockspec_format = "3.0"
package = "forgelog"
version = "1.0.0-1"

source = {
  url = "git+https://github.com/forgelog/forgelog.git",
  tag = "v1.0.0",
}

description = {
  summary = "A durable change feed from PostgreSQL that loses nothing",
  detailed = [[
Triggers write one row per changed row into a log table; a C module over libpq drains and trims that log in commit-safe
order, so that no committed change is ever missed silently.]],
  homepage = "https://github.com/forgelog/forgelog",
  license = "MIT",
  labels = { "postgresql", "database", "cdc" },
}

supported_platforms = { "unix" }

dependencies = { "lua >= 5.1, < 5.5" }

external_dependencies = {
  PQ = { library = "pq" },
}

build = {
  type = "builtin",
  modules = {
    ["forgelog.core"] = {
      sources = {
        "src/core/change.c",
        "src/core/cursor.c",
        "src/core/error.c",
        "src/core/horizon.c",
        "src/core/host.c",
        "src/core/log.c",
        "src/core/module.c",
        "src/core/push.c",
        "src/core/reader.c",
        "src/core/save.c",
        "src/core/session.c",
      },
      libraries = { "pq" },
      -- Debian keeps libpq-fe.h in a folder of its own.
      incdirs = { "$(PQ_INCDIR)", "$(PQ_INCDIR)/postgresql" },
      libdirs = { "$(PQ_LIBDIR)" },
    },
    forgelog = "src/forgelog/init.lua",
    ["forgelog.cache"] = "src/forgelog/cache.lua",
    ["forgelog.check"] = "src/forgelog/check.lua",
    ["forgelog.cli"] = "src/forgelog/cli.lua",
    ["forgelog.cli.commands"] = "src/forgelog/cli/commands.lua",
    ["forgelog.cli.connect"] = "src/forgelog/cli/connect.lua",
    ["forgelog.cli.consumers"] = "src/forgelog/cli/consumers.lua",
    ["forgelog.cli.doctor"] = "src/forgelog/cli/doctor.lua",
    ["forgelog.cli.format"] = "src/forgelog/cli/format.lua",
    ["forgelog.cli.json"] = "src/forgelog/cli/json.lua",
    ["forgelog.cli.manual"] = "src/forgelog/cli/manual.lua",
    ["forgelog.cli.parser"] = "src/forgelog/cli/parser.lua",
    ["forgelog.cli.sink"] = "src/forgelog/cli/sink.lua",
    ["forgelog.cli.status"] = "src/forgelog/cli/status.lua",
    ["forgelog.cli.stream"] = "src/forgelog/cli/stream.lua",
    ["forgelog.cli.tables"] = "src/forgelog/cli/tables.lua",
    ["forgelog.cli.terminal"] = "src/forgelog/cli/terminal.lua",
    ["forgelog.cli.trim"] = "src/forgelog/cli/trim.lua",
    ["forgelog.cli.units"] = "src/forgelog/cli/units.lua",
    ["forgelog.consumer"] = "src/forgelog/consumer.lua",
    ["forgelog.database"] = "src/forgelog/database.lua",
    ["forgelog.doctor"] = "src/forgelog/doctor.lua",
    ["forgelog.doctor.roles"] = "src/forgelog/doctor/roles.lua",
    ["forgelog.doctor.server"] = "src/forgelog/doctor/server.lua",
    ["forgelog.doctor.setup"] = "src/forgelog/doctor/setup.lua",
    ["forgelog.doctor.tables"] = "src/forgelog/doctor/tables.lua",
    ["forgelog.doctor.traffic"] = "src/forgelog/doctor/traffic.lua",
    ["forgelog.drain"] = "src/forgelog/drain.lua",
    ["forgelog.drive"] = "src/forgelog/drive.lua",
    ["forgelog.feed"] = "src/forgelog/feed.lua",
    ["forgelog.follow"] = "src/forgelog/follow.lua",
    ["forgelog.ipc"] = "src/forgelog/ipc.lua",
    ["forgelog.keep"] = "src/forgelog/keep.lua",
    ["forgelog.metrics"] = "src/forgelog/metrics.lua",
    ["forgelog.retry"] = "src/forgelog/retry.lua",
    ["forgelog.schema"] = "src/forgelog/schema.lua",
    ["forgelog.status"] = "src/forgelog/status.lua",
    ["forgelog.store"] = "src/forgelog/store.lua",
    ["forgelog.store.shared"] = "src/forgelog/store/shared.lua",
    ["forgelog.trim"] = "src/forgelog/trim.lua",
    ["forgelog.wait"] = "src/forgelog/wait.lua",
    ["forgelog.wait.cqueues"] = "src/forgelog/wait/cqueues.lua",
    ["forgelog.wait.luv"] = "src/forgelog/wait/luv.lua",
    ["forgelog.wait.openresty"] = "src/forgelog/wait/openresty.lua",
    ["forgelog.wait.poll"] = "src/forgelog/wait/poll.lua",
    ["forgelog.watch"] = "src/forgelog/watch.lua",
    ["forgelog.watched"] = "src/forgelog/watched.lua",
  },
  install = {
    lua = {
      ["forgelog.sql.capture"] = "src/forgelog/sql/capture.sql",
      ["forgelog.sql.column"] = "src/forgelog/sql/column.sql",
      ["forgelog.sql.consumers"] = "src/forgelog/sql/consumers.sql",
      ["forgelog.sql.doctor"] = "src/forgelog/sql/doctor.sql",
      ["forgelog.sql.doctor_backend"] = "src/forgelog/sql/doctor_backend.sql",
      ["forgelog.sql.doctor_grants"] = "src/forgelog/sql/doctor_grants.sql",
      ["forgelog.sql.doctor_log"] = "src/forgelog/sql/doctor_log.sql",
      ["forgelog.sql.doctor_newest"] = "src/forgelog/sql/doctor_newest.sql",
      ["forgelog.sql.doctor_owners"] = "src/forgelog/sql/doctor_owners.sql",
      ["forgelog.sql.doctor_settings"] = "src/forgelog/sql/doctor_settings.sql",
      ["forgelog.sql.doctor_state"] = "src/forgelog/sql/doctor_state.sql",
      ["forgelog.sql.doctor_tables"] = "src/forgelog/sql/doctor_tables.sql",
      ["forgelog.sql.facts"] = "src/forgelog/sql/facts.sql",
      ["forgelog.sql.guard"] = "src/forgelog/sql/guard.sql",
      ["forgelog.sql.hstore"] = "src/forgelog/sql/hstore.sql",
      ["forgelog.sql.install"] = "src/forgelog/sql/install.sql",
      ["forgelog.sql.partitions"] = "src/forgelog/sql/partitions.sql",
      ["forgelog.sql.remains"] = "src/forgelog/sql/remains.sql",
      ["forgelog.sql.row"] = "src/forgelog/sql/row.sql",
      ["forgelog.sql.schema"] = "src/forgelog/sql/schema.sql",
      ["forgelog.sql.state"] = "src/forgelog/sql/state.sql",
      ["forgelog.sql.status"] = "src/forgelog/sql/status.sql",
      ["forgelog.sql.table"] = "src/forgelog/sql/table.sql",
      ["forgelog.sql.triggers"] = "src/forgelog/sql/triggers.sql",
      ["forgelog.sql.trim"] = "src/forgelog/sql/trim.sql",
    },
    bin = { forgelog = "bin/forgelog" },
  },
  copy_directories = {},
}
