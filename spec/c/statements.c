/* The SQL texts of the core: their words are replaced, and an unknown one is named. */
#include "statements.h"

#include "change.h"
#include "tap.h"

#include <string.h>

static const struct fl_word words[] = {{"log", "feed.forge_change_log"},
                                       {"log_oid", "16400"},
                                       {"name", "'forge_change_log'"},
                                       {"trimmed_to", "7"},
                                       {"last_given", "9"},
                                       {"empty_to", "5"},
                                       {"seen_state", "'7 5'"},
                                       {"deleted", "NULL"},
                                       {"timeline", "1"},
                                       {"flushed", "NULL"},
                                       {"lsn", "'0/3000060'"},
                                       {"server", "NULL::text"},
                                       {"base", "8"},
                                       {"after", "10"},
                                       {"until", "20"},
                                       {"limit", "128"},
                                       {"columns", ", op::text"},
                                       {"filter", " AND true"},
                                       {"apart", " AND true"},
                                       {"created_at", "created_at"},
                                       {"gone", "NULL"},
                                       {"deleted_on", "NULL"},
                                       {"named_rows", "l.seq BETWEEN 3 AND 4"},
                                       {"named_set", "{[3,4]}"},
                                       {"had", "{[11,12]}"},
                                       {NULL, NULL}};

static const char *filled(enum fl_statement statement, const struct fl_word *with,
                          struct fl_bytes *out, int *length) {
  const char *unknown;
  out->length = 0;
  *length = 0;
  return fl_statement_fill(statement, with, out, &unknown, length) ? NULL : unknown;
}

static void test_fill(void) {
  struct fl_bytes out = {NULL, 0, 0};
  int statement, length;
  for (statement = 0; statement <= FL_STATEMENT_VERIFY; statement++) {
    const char *unknown = filled((enum fl_statement)statement, words, &out, &length);
    ok(!unknown && !strchr(out.data, '@'), "statement %d has no word left", statement);
  }
  filled(FL_STATEMENT_READ_ALL, words, &out, &length);
  ok(strstr(out.data, "seq > 10 AND seq <= 20 AND true AND true ORDER BY seq LIMIT 128") != NULL,
     "the place of a reader is filled in");
  ok(strstr(out.data, "int8range(8, NULL, '()')") && strstr(out.data, "seq > 8"),
     "what was deleted and what is not wanted is asked for above its base");
  fl_bytes_free(&out);
}

static void test_unknown(void) {
  struct fl_bytes out = {NULL, 0, 0};
  int length, missing;
  for (missing = 0; words[missing].name; missing++) {
    struct fl_word fewer[sizeof words / sizeof *words];
    const char *unknown = NULL;
    int statement;
    memcpy(fewer, words, sizeof words);
    fewer[missing].name = "";
    for (statement = 0; !unknown && statement <= FL_STATEMENT_VERIFY; statement++)
      unknown = filled((enum fl_statement)statement, fewer, &out, &length);
    ok(unknown && strncmp(unknown, words[missing].name, (size_t)length) == 0 &&
           strlen(words[missing].name) == (size_t)length,
       "a statement without a value for @%s@ says so", words[missing].name);
  }
  fl_bytes_free(&out);
}

static bool selects(uint64_t columns, const char *text) {
  struct fl_bytes out = {NULL, 0, 0};
  bool found = fl_statement_columns(columns, &out) && strstr(out.data, text) != NULL;
  fl_bytes_free(&out);
  return found;
}

static void test_columns(void) {
  uint64_t all = ((uint64_t)1 << FL_FIELDS) - 1;
#define ASKED(name, kind, type, key)                                     \
  ok(selects(all, ", " #name "::pg_catalog." type),                      \
     "the statement that reads asks for " #name);                        \
  ok(FL_FIELD_##name < FL_FIRST_OPTIONAL ||                              \
         !selects(all & ~((uint64_t)1 << FL_FIELD_##name), ", " #name "::"), \
     "but not where the log has no " #name);
  FL_CHANGE_FIELDS_AFTER_SEQ(ASKED)
  ok(selects(0, ", table_name::pg_catalog.text, op::pg_catalog.text, NULL::pg_catalog.text"),
     "what every log has is asked for, and what it has not is NULL");
}

static void test_names(void) {
  ok(fl_statement_named("locate") == FL_STATEMENT_LOCATE &&
         fl_statement_named("tick") == FL_STATEMENT_TICK,
     "a statement has a name");
  ok(fl_statement_named("read") == -1 && fl_statement_named("") == -1,
     "only a reader reads, and what is no name is refused");
}

int main(void) {
  test_fill();
  test_unknown();
  test_columns();
  test_names();
  return tap_end();
}
