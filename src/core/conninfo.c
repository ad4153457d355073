/* The options of a connection: libpq's own rules about them, and what is changed of them. */
#include "conninfo.h"

#include <libpq-fe.h>
#include <string.h>

/* libpq tells the options that it has found only of a connection. One that it refuses for its
   sslmode has them all, and has neither looked up a name nor opened a socket, nor warned of a
   password file that others may read. */
static PGconn *probe(const char *conninfo) {
  const char *const keywords[] = {"dbname", "sslmode", "passfile", NULL};
  const char *const values[] = {conninfo, "?", "?", NULL};
  return PQconnectStartParams(keywords, values, 1);
}

/* What is set where neither conninfo nor service nor environment says otherwise. A server that is
   gone is noticed within a minute, also by whoever waits without a time limit. */
static const struct {
  const char *keyword, *value;
} ours[] = {{"keepalives_idle", "30"},
            {"keepalives_interval", "10"},
            {"keepalives_count", "3"},
            {"tcp_user_timeout", "60000"}};

#define OURS ((int)(sizeof ours / sizeof ours[0]))

static const char *value_of(const PQconninfoOption *options, const char *keyword) {
  for (; options->keyword; options++)
    if (strcmp(options->keyword, keyword) == 0)
      return options->val && options->val[0] ? options->val : NULL;
  return NULL;
}

static unsigned which_unset(const PQconninfoOption *options) {
  unsigned unset = 0;
  int i;
  for (i = 0; i < OURS; i++)
    if (!value_of(options, ours[i].keyword)) unset |= 1u << i;
  return unset;
}

PGconn *fl_conninfo_probe(const char *conninfo, unsigned *unset, bool *known) {
  PGconn *conn = probe(conninfo);
  PQconninfoOption *options = conn ? PQconninfo(conn) : NULL;
  if (!options) {
    PQfinish(conn);
    return NULL;
  }
  /* It has a default, unless conninfo or service cannot be read. */
  *known = value_of(options, "port") != NULL;
  *unset = which_unset(options);
  PQconninfoFree(options);
  return conn;
}

#define MOST_OPTIONS 100 /* libpq knows some fifty */

struct options {
  int count;
  const char *keywords[MOST_OPTIONS + 1], *values[MOST_OPTIONS + 1];
};

static void add_option(struct options *options, const char *keyword, const char *value) {
  if (!value || !value[0] || options->count == MOST_OPTIONS) return;
  options->keywords[options->count] = keyword;
  options->values[options->count++] = value;
}

/* An option that a place says takes that of conninfo away, even where the place leaves it empty. */
static bool is_of_place(const struct fl_place_of_server *place, const char *keyword) {
  if (strcmp(keyword, "target_session_attrs") == 0) return place->target_session_attrs != NULL;
  return place->port && (strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 ||
                         strcmp(keyword, "port") == 0);
}

static void collect(struct options *options, const PQconninfoOption *given,
                    const struct fl_place_of_server *place, unsigned unset) {
  int i;
  for (; given->keyword; given++)
    if (!is_of_place(place, given->keyword)) add_option(options, given->keyword, given->val);
  add_option(options, "host", place->host);
  add_option(options, "hostaddr", place->hostaddr);
  add_option(options, "port", place->port);
  add_option(options, "target_session_attrs", place->target_session_attrs);
  add_option(options, "fallback_application_name", "forgelog");
  for (i = 0; i < OURS; i++)
    if (unset >> i & 1) add_option(options, ours[i].keyword, ours[i].value);
  options->keywords[options->count] = options->values[options->count] = NULL;
}

/* Whether it is neither a list of options nor a URI, but the name of a database. */
static bool is_name(const char *conninfo) {
  return conninfo[0] && !strchr(conninfo, '=') && strncmp(conninfo, "postgres://", 11) != 0 &&
         strncmp(conninfo, "postgresql://", 13) != 0;
}

/* Begins with those options; without them conninfo could not be read, and libpq says why. */
PGconn *fl_conninfo_start(const char *conninfo, const struct fl_place_of_server *place,
                          unsigned unset) {
  bool names_database = is_name(conninfo);
  PQconninfoOption *given = PQconninfoParse(names_database ? "" : conninfo, NULL);
  struct options options;
  PGconn *conn;
  if (!given) return PQconnectStart(conninfo);
  options.count = 0;
  if (names_database) add_option(&options, "dbname", conninfo);
  collect(&options, given, place, unset);
  conn = PQconnectStartParams(options.keywords, options.values, 0);
  PQconninfoFree(given);
  return conn;
}

bool fl_conninfo_option(PGconn *conn, const char *keyword, struct fl_bytes *value) {
  PQconninfoOption *options = PQconninfo(conn);
  const char *found = options ? value_of(options, keyword) : NULL;
  bool done = found ? fl_bytes_append(value, found, strlen(found) + 1) : options != NULL;
  PQconninfoFree(options);
  return done;
}

bool fl_conninfo_names_encoding(PGconn *conn) {
  PQconninfoOption *given = PQconninfo(conn);
  const char *options = given ? value_of(given, "options") : NULL;
  bool named = given && (value_of(given, "client_encoding") ||
                         (options && strstr(options, "client_encoding")));
  PQconninfoFree(given);
  return named;
}
