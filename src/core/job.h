/* A call that would block, made on a thread of its own: begun, then waited for by a descriptor. */
#ifndef FORGELOG_JOB_H
#define FORGELOG_JOB_H

#include <pthread.h>
#include <stdbool.h>

/* Embedded as the first member of what the call needs. It belongs to its thread and to whoever
   began it; the last of the two to leave releases it. */
struct fl_job {
  void (*work)(struct fl_job *job);    /* the call: on the thread, with all signals blocked */
  void (*release)(struct fl_job *job); /* frees all of it */
  int ready;                           /* a descriptor that can be read once the work is done */
  int finished;                        /* its other end, written to by the thread */
  int owners;
  bool done;
  pthread_mutex_t lock; /* over owners and done */
};

/* A Lua that is closed unloads this library, though a thread may still run in it, or a signal find
   its handler there. So the library stays from the first call on. */
void fl_stay_loaded(void);

/* Begins. False: there is no descriptor or no thread to be had; then the job is released. */
bool fl_job_start(struct fl_job *job);

/* Whether the work is done, so that its outcome may be looked at. */
bool fl_job_done(struct fl_job *job);

/* Whoever began it leaves it, done or not; nobody waits for it. */
void fl_job_leave(struct fl_job *job);

#endif
