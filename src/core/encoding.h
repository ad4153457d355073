/* Which encoding a new connection should speak, and what helps where text cannot be converted. */
#ifndef FORGELOG_ENCODING_H
#define FORGELOG_ENCODING_H

#include <stdbool.h>

/* The client_encoding to ask for where nobody has named one, by that of the database. */
const char *fl_encoding_wanted(const char *server);

/* Whether its characters have bytes of ASCII in them, such as the backslash, so that no text in it
   can be quoted for SQL byte by byte. PostgreSQL has these for clients only. */
bool fl_encoding_is_unsafe(const char *client);

/* What a user can do about an error of that SQLSTATE; NULL where it is not about encodings.
   server: the encoding of the database; client: the client_encoding of the connection */
const char *fl_encoding_hint(const char *sqlstate, const char *server, const char *client);

#endif
