/* UTF-8 has every character, so connections speak it; SQL_ASCII is no encoding, but bytes of
   any. */
#include "encoding.h"

#include <stddef.h>
#include <string.h>

static bool is(const char *name, const char *other) { return name && strcmp(name, other) == 0; }

/* To convert what is in SQL_ASCII to UTF-8 the server could only refuse what is no UTF-8, and
   whoever reads it would be stuck; so those bytes come as they are. */
const char *fl_encoding_wanted(const char *server) {
  return is(server, "SQL_ASCII") ? "SQL_ASCII" : "UTF8";
}

bool fl_encoding_is_unsafe(const char *client) {
  static const char *const names[] = {"SJIS", "BIG5",  "GBK",           "UHC", "GB18030",
                                      "JOHAB", "SHIFT_JIS_2004"};
  size_t i;
  for (i = 0; i < sizeof names / sizeof names[0]; i++)
    if (is(client, names[i])) return true;
  return false;
}

const char *fl_encoding_hint(const char *sqlstate, const char *server, const char *client) {
  if (is(sqlstate, "22P05")) /* a character without equivalent */
    return is(client, "UTF8") ? "the database's own encoding lacks the character"
                              : "client_encoding=UTF8 has every character (unset PGCLIENTENCODING)";
  if (!is(sqlstate, "22021")) return NULL; /* bytes that are no character */
  if (is(server, "SQL_ASCII"))
    return "client_encoding=SQL_ASCII takes any bytes (unset PGCLIENTENCODING)";
  return "connect with the client_encoding that the text is in";
}
