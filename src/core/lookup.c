/* getaddrinfo on a thread of its own. */
#include "lookup.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct fl_lookup {
  struct fl_job job;
  struct addrinfo *found;
  int wrong, system_error; /* as getaddrinfo returned them */
  char host[];
};

static void look_up(struct fl_job *job) {
  struct fl_lookup *lookup = (struct fl_lookup *)job;
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  lookup->wrong = getaddrinfo(lookup->host, NULL, &hints, &lookup->found);
  lookup->system_error = errno;
  if (lookup->wrong) lookup->found = NULL;
}

static void release(struct fl_job *job) {
  struct fl_lookup *lookup = (struct fl_lookup *)job;
  if (lookup->found) freeaddrinfo(lookup->found);
  free(lookup);
}

struct fl_lookup *fl_lookup_start(const char *host) {
  struct fl_lookup *lookup = calloc(1, sizeof *lookup + strlen(host) + 1);
  if (!lookup) return NULL;
  strcpy(lookup->host, host);
  lookup->job.work = look_up;
  lookup->job.release = release;
  return fl_job_start(&lookup->job) ? lookup : NULL;
}

struct fl_job *fl_lookup_job(struct fl_lookup *lookup) { return &lookup->job; }

bool fl_lookup_address(const struct fl_lookup *lookup, int number, char *text, size_t size) {
  const struct addrinfo *each = lookup->found;
  while (each && number-- > 0) each = each->ai_next;
  return each && getnameinfo(each->ai_addr, each->ai_addrlen, text, (socklen_t)size, NULL, 0,
                             NI_NUMERICHOST) == 0;
}

const char *fl_lookup_wrong(const struct fl_lookup *lookup) {
  if (lookup->wrong == 0) return NULL;
  return lookup->wrong == EAI_SYSTEM ? strerror(lookup->system_error)
                                     : gai_strerror(lookup->wrong);
}
