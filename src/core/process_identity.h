/* A text that names a process, so that another one on the same machine can tell whether it still
   lives, also when its number was given to another process since. */
#ifndef FORGELOG_PROCESS_IDENTITY_H
#define FORGELOG_PROCESS_IDENTITY_H

#include <stdbool.h>

#define FL_IDENTITY_SIZE 192

enum fl_life { FL_LIFE_UNKNOWN, FL_LIFE_LIVES, FL_LIFE_GONE };

/* What /proc/N/stat says of a process. */
struct fl_process_stat {
  long long pid, threads;
  unsigned long long started; /* in clock ticks since the machine was booted */
  char state;
};

/* Reads that text; false: it is none. */
bool fl_process_stat_parse(struct fl_process_stat *stat, const char *text);

/* Writes the name of this process, without a blank; false: it cannot be known here. */
bool fl_process_identity(char text[FL_IDENTITY_SIZE]);

/* Whether the process of that name lives. Unknown: it is of another machine, of another start of
   this one, or of processes that cannot be seen from here; or the text is no such name. */
enum fl_life fl_process_lives(const char *identity);

#endif
