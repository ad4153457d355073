/* Threads for the two calls of the system's and libpq's that block and cannot be stepped: looking
   up a host's name, and asking a server to cancel. */
#define _GNU_SOURCE /* dladdr */
#include "job.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

void fl_stay_loaded(void) {
  Dl_info about;
  if (dladdr((void *)&fl_stay_loaded, &about) && about.dli_fname)
    (void)dlopen(about.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static void let_go(struct fl_job *job) {
  int owners;
  pthread_mutex_lock(&job->lock);
  owners = --job->owners;
  pthread_mutex_unlock(&job->lock);
  if (owners > 0) return;
  pthread_mutex_destroy(&job->lock);
  job->release(job);
}

static void *run(void *argument) {
  struct fl_job *job = argument;
  int finished = job->finished;
  ssize_t written;
  job->work(job);
  pthread_mutex_lock(&job->lock);
  job->done = true;
  pthread_mutex_unlock(&job->lock);
  written = write(finished, "", 1);
  (void)written; /* nobody may read it any more */
  close(finished);
  let_go(job);
  return NULL;
}

static bool make_pipe(struct fl_job *job) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  job->ready = ends[0];
  job->finished = ends[1];
  return true;
}

/* Signals are for the program's own threads: here they would be handled behind its back. */
static bool make_thread(struct fl_job *job) {
  sigset_t all, before;
  pthread_attr_t detached;
  pthread_t thread;
  bool made;
  if (pthread_attr_init(&detached) != 0) return false;
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  made = pthread_create(&thread, &detached, run, job) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&detached);
  return made;
}

bool fl_job_start(struct fl_job *job) {
  fl_stay_loaded();
  job->done = false;
  job->owners = 2;
  if (!make_pipe(job)) {
    job->release(job);
    return false;
  }
  pthread_mutex_init(&job->lock, NULL);
  if (make_thread(job)) return true;
  close(job->ready);
  close(job->finished);
  pthread_mutex_destroy(&job->lock);
  job->release(job);
  return false;
}

bool fl_job_done(struct fl_job *job) {
  bool done;
  pthread_mutex_lock(&job->lock);
  done = job->done;
  pthread_mutex_unlock(&job->lock);
  return done;
}

void fl_job_leave(struct fl_job *job) {
  close(job->ready);
  let_go(job);
}
