/* Conditions on the rows of the log: lists of texts, and a regular expression for the names in
   changed_cols, whose quotes a plain comparison would not see through. */
#include "filter.h"

#include <string.h>

bool fl_filter_texts(const struct fl_pgconn *pg, struct fl_bytes *filter, const char *column,
                     const struct fl_slice *texts, int count) {
  int i;
  if (!fl_bytes_add(filter, " AND ") || !fl_bytes_add(filter, column) ||
      !fl_bytes_add(filter, count > 0 ? " IN (" : " IN (NULL"))
    return false;
  for (i = 0; i < count; i++)
    if (!fl_bytes_add(filter, i > 0 ? ", " : "") ||
        !fl_pgconn_quote(pg, texts[i].data, (size_t)texts[i].length, filter))
      return false;
  return fl_bytes_add(filter, ")");
}

/* Whether a character means itself in a regular expression without a backslash before it. */
static bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
         (unsigned char)c >= 0x80;
}

/* The characters of a name; a double quote within quotes is doubled. */
static bool add_characters(struct fl_bytes *pattern, const struct fl_slice *name) {
  int32_t i;
  for (i = 0; i < name->length; i++) {
    const char *c = &name->data[i];
    if (*c == '"' && !fl_bytes_add(pattern, "\"")) return false;
    if (!is_plain(*c) && !fl_bytes_add(pattern, "\\")) return false;
    if (!fl_bytes_append(pattern, c, 1)) return false;
  }
  return true;
}

/* A name as it may stand in the list: in quotes, and without them where it needs none. */
static bool add_name(struct fl_bytes *pattern, const struct fl_slice *name, bool first) {
  size_t length = (size_t)name->length;
  bool bare = !memchr(name->data, ',', length) && !memchr(name->data, '"', length);
  return fl_bytes_add(pattern, first ? "" : "|") &&
         (!bare || (add_characters(pattern, name) && fl_bytes_add(pattern, "|"))) &&
         fl_bytes_add(pattern, "\"") && add_characters(pattern, name) &&
         fl_bytes_add(pattern, "\"");
}

/* Any number of whole elements, then one of the names. */
static bool add_pattern(struct fl_bytes *pattern, const struct fl_slice *names, int count) {
  int i;
  if (!fl_bytes_add(pattern, "^(?:(?:\"(?:[^\"]|\"\")*\"|[^\",]*),)*(?:")) return false;
  for (i = 0; i < count; i++)
    if (!add_name(pattern, &names[i], i == 0)) return false;
  return fl_bytes_add(pattern, ")(?:,|$)");
}

bool fl_filter_keys(const struct fl_pgconn *pg, struct fl_bytes *filter,
                    const struct fl_slice *keys, int count) {
  return fl_bytes_add(filter, " AND (op IN ('TRUNCATE', 'RELOAD') OR (true") &&
         fl_filter_texts(pg, filter, "row_id", keys, count) && fl_bytes_add(filter, "))");
}

bool fl_filter_columns(const struct fl_pgconn *pg, struct fl_bytes *filter,
                       const struct fl_slice *names, int count) {
  struct fl_bytes pattern = {NULL, 0, 0};
  bool done;
  if (count == 0) return fl_bytes_add(filter, " AND op <> 'UPDATE'");
  done = add_pattern(&pattern, names, count) &&
         fl_bytes_add(filter, " AND (op <> 'UPDATE' OR changed_cols OPERATOR(pg_catalog.~) ") &&
         fl_pgconn_quote(pg, pattern.data, pattern.length, filter) && fl_bytes_add(filter, ")");
  fl_bytes_free(&pattern);
  return done;
}
