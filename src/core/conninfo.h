/* The options of a connection: what libpq makes of conninfo, service and environment, and what is
   changed of it. */
#ifndef FORGELOG_CONNINFO_H
#define FORGELOG_CONNINFO_H

#include "bytes.h"

struct pg_conn;

/* One of the places where a server may be, in place of those that conninfo, service and environment
   name; NULL: what they say. */
struct fl_place_of_server {
  const char *host, *hostaddr, *port, *target_session_attrs;
};

/* A connection that is none, of which the options can be asked. `unset` says which of our own
   settings nobody has set; `known`, whether conninfo and service could be read: if not, the error
   of the connection says why. NULL: out of memory. */
struct pg_conn *fl_conninfo_probe(const char *conninfo, unsigned *unset, bool *known);

/* Begins to connect to that place, with those of our own settings. NULL: out of memory. */
struct pg_conn *fl_conninfo_start(const char *conninfo, const struct fl_place_of_server *place,
                                  unsigned unset);

/* Appends an option of a connection, terminated; nothing where it is not set. false: out of
   memory. */
bool fl_conninfo_option(struct pg_conn *conn, const char *keyword, struct fl_bytes *value);

/* Whether the user has named an encoding: in conninfo, service, PGCLIENTENCODING or options. */
bool fl_conninfo_names_encoding(struct pg_conn *conn);

#endif
