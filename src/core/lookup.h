/* Looking up the addresses of a host's name, which no system does without blocking. */
#ifndef FORGELOG_LOOKUP_H
#define FORGELOG_LOOKUP_H

#include "job.h"

#include <stddef.h>

struct fl_lookup;

/* Begins; NULL: there is no memory, descriptor or thread to be had. */
struct fl_lookup *fl_lookup_start(const char *host);

struct fl_job *fl_lookup_job(struct fl_lookup *lookup);

/* Once it is done: the address with that number, from 0, in the order in which they should be
   tried; false: there are no more. */
bool fl_lookup_address(const struct fl_lookup *lookup, int number, char *text, size_t size);

/* Why there is no address; NULL where there is one. */
const char *fl_lookup_wrong(const struct fl_lookup *lookup);

#endif
