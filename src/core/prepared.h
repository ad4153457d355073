/* Which statements to prepare on a connection: those whose text comes again. A statement is named
   for its text, so that a name that a server already knows can only mean the same text. */
#ifndef FORGELOG_PREPARED_H
#define FORGELOG_PREPARED_H

#include <stdbool.h>
#include <stdint.h>

#define FL_PREPARED_MOST 16 /* texts of one connection */
#define FL_PREPARED_NAME 32

enum fl_way {
  FL_WAY_PLAIN,   /* sent as text */
  FL_WAY_PREPARE, /* has to be prepared, then executed */
  FL_WAY_EXECUTE  /* was prepared */
};

struct fl_prepared {
  struct {
    uint64_t hash;
    bool ready;
  } texts[FL_PREPARED_MOST];
  int count;
  bool refused; /* the server did not know what was prepared: all is sent as text from now on */
};

/* A connection is new: nothing is prepared. */
void fl_prepared_reset(struct fl_prepared *prepared);

/* How to send a text, and the name of its statement. */
enum fl_way fl_prepared_way(struct fl_prepared *prepared, const char *text,
                            char name[FL_PREPARED_NAME]);

/* The statement of a text stands ready. */
void fl_prepared_ready(struct fl_prepared *prepared, const char *text);

#endif
