/* A small file that is either the old one or the new one, whatever happens. */
#ifndef FORGELOG_ATOMIC_FILE_H
#define FORGELOG_ATOMIC_FILE_H

/* Writes aside, syncs, renames, syncs the folder. NULL, or what is wrong. */
const char *fl_atomic_write(const char *path, const char *text);

#endif
