/* Written aside, synced, renamed: a position on disk is never half a position. */
#include "atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool write_all(int fd, const char *text) {
  size_t left = strlen(text);
  while (left > 0) {
    ssize_t written = write(fd, text, left);
    if (written < 0 && errno != EINTR) return false;
    if (written < 0) continue;
    text += written;
    left -= (size_t)written;
  }
  return true;
}

static bool write_synced(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  bool done = fd >= 0 && write_all(fd, text) && fsync(fd) == 0;
  int why = errno;
  if (fd >= 0) close(fd);
  errno = why;
  return done;
}

/* The rename itself has to reach the disk too; a folder that cannot be synced is no failure. */
static void sync_folder(char *path) {
  char *slash = strrchr(path, '/');
  int fd;
  if (slash) slash[slash == path] = '\0';
  fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)fsync(fd);
  close(fd);
}

const char *fl_atomic_write(const char *path, const char *text) {
  char *aside = malloc(strlen(path) + sizeof ".new");
  bool done;
  if (!aside) return "out of memory";
  sprintf(aside, "%s.new", path);
  done = write_synced(aside, text) && rename(aside, path) == 0;
  if (done) sync_folder(aside);
  free(aside);
  return done ? NULL : strerror(errno);
}
