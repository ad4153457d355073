/* Why a log, or its server, cannot be read without loss: errors, each with a code of its own. */
#include "refusals.h"

#include <inttypes.h>
#include <string.h>

bool fl_changelog_fail(struct fl_changelog *log, enum fl_error_kind kind, const char *code,
                       const char *message) {
  fl_fail_text(&log->pg.error, kind, NULL, message);
  log->pg.error.code = code;
  return false;
}

bool fl_changelog_no_memory(struct fl_changelog *log) {
  fl_fail_text(&log->pg.error, FL_ERR_QUERY, "53200", "out of memory");
  return false;
}

/* What the rule of the horizon rests on. */
bool fl_can_tick(struct fl_changelog *log) {
  const struct fl_catalog *catalog = &log->catalog;
  if (catalog->subscriber)
    return fl_changelog_fail(log, FL_ERR_SCHEMA, "subscriber",
                "a subscription writes the changes of another server into forge_change_log, where "
                "they do not come in the order of their seqs; read the log on that server");
  if (catalog->standby && fl_pgconn_in_transaction(&log->pg))
    return fl_changelog_fail(log, FL_ERR_SCHEMA, "standby_transaction",
                "in a transaction a hot standby does not tell which transactions are under way by "
                "now; drain outside of it");
  if (catalog->cache == 0)
    return fl_changelog_fail(log, FL_ERR_SCHEMA, "no_sequence",
                "no sequence gives forge_change_log.seq its values");
  if (catalog->cache != 1 || catalog->increment != 1) {
    fl_fail(&log->pg.error, FL_ERR_SCHEMA, NULL,
            "the sequence of %s.forge_change_log has CACHE %" PRId64 " and INCREMENT %" PRId64
            ", so its numbers are not ascending in time; ALTER SEQUENCE ... CACHE 1 INCREMENT 1",
            catalog->schema, catalog->cache, catalog->increment);
    log->pg.error.code = "sequence_steps";
    return false;
  }
  if (catalog->repeatable && fl_pgconn_in_transaction(&log->pg))
    return fl_changelog_fail(
        log, FL_ERR_SCHEMA, "repeatable_read",
        "in a REPEATABLE READ or SERIALIZABLE transaction new changes cannot be seen; drain "
        "outside of it, or in READ COMMITTED");
  return true;
}

/* Rows that a policy hides are no rows: changes would be passed by, and trims not be noticed. */
bool fl_sees_all(struct fl_changelog *log, const char *hidden) {
  if (!hidden) return true;
  fl_fail(&log->pg.error, FL_ERR_SCHEMA, "42501",
          "row level security on %s may hide rows from this role; give it a policy that hides none "
          "(USING (true)), or the attribute BYPASSRLS",
          hidden);
  log->pg.error.code = "row_security";
  return false;
}

/* Without its row the state table says nothing, and nothing can be concluded from that. */
bool fl_knows_trimmed_to(struct fl_changelog *log) {
  if (log->history.trimmed_to >= 0) return true;
  fl_changelog_fail(log, FL_ERR_SCHEMA, "no_state", "forge_change_log_state has lost its row");
  log->pg.error.remedy = "install";
  return false;
}

/* A sequence below the seqs in the log gives numbers a second time, or those of old holes. */
bool fl_sequence_leads(struct fl_changelog *log) {
  const struct fl_history *history = &log->history;
  if (history->last_given < 0 || history->last_given >= history->largest) return true;
  fl_fail(&log->pg.error, FL_ERR_SCHEMA, NULL,
          "the sequence of %s.forge_change_log is at %" PRId64 ", behind the log's seq %" PRId64
          ": its next numbers were given before",
          log->catalog.schema, history->last_given, history->largest);
  log->pg.error.code = "sequence_behind";
  log->pg.error.remedy = "install";
  return false;
}

void fl_may_be_another(struct fl_changelog *log, enum fl_step step) {
  bool gone = strcmp(log->pg.error.sqlstate, "XX000") == 0; /* no relation of such a number */
  if (log->operation != FL_OP_STATEMENT) return;
  if (step == FL_STEP_DONE && log->statement == FL_STATEMENT_TICK) log->doubted = false;
  if (step != FL_STEP_FAILED || !gone) return;
  log->pg.error.retryable = !log->doubted;
  log->doubted = true;
}
