/* Which encoding is asked for, and what an error about encodings advises. Real databases are in
   spec/api/encoding_spec.lua. */
#include "encoding.h"

#include "tap.h"

#include <string.h>

static bool advises(const char *sqlstate, const char *server, const char *client,
                    const char *text) {
  const char *hint = fl_encoding_hint(sqlstate, server, client);
  return text ? hint && strstr(hint, text) : !hint;
}

static void test_unsafe(void) {
  ok(fl_encoding_is_unsafe("SJIS"), "SJIS has backslashes in its characters");
  ok(!fl_encoding_is_unsafe("EUC_JP"), "EUC_JP has none");
  ok(!fl_encoding_is_unsafe("UTF8"), "nor has UTF8");
}

int main(void) {
  ok(strcmp(fl_encoding_wanted("LATIN1"), "UTF8") == 0, "UTF-8 is asked for");
  ok(strcmp(fl_encoding_wanted(NULL), "UTF8") == 0, "of a server that does not say its own, too");
  ok(strcmp(fl_encoding_wanted("SQL_ASCII"), "SQL_ASCII") == 0, "but not of bytes of any encoding");
  ok(advises("22P05", "UTF8", "LATIN1", "client_encoding=UTF8"), "UTF-8 where a client lacks it");
  ok(advises("22P05", "EUC_JP", "UTF8", "database's own"), "nothing where the database lacks it");
  ok(advises("22021", "SQL_ASCII", "UTF8", "SQL_ASCII"), "the bytes where they are no text");
  ok(advises("22021", "UTF8", "UTF8", "that the text is in"), "the text's encoding elsewhere");
  ok(advises("23505", "UTF8", "UTF8", NULL) && advises(NULL, NULL, NULL, NULL),
     "nothing for other errors");
  test_unsafe();
  return tap_end();
}
