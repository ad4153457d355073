/* A small file that is either the old one or the new one, whatever happens. */
#ifndef FORGELOG_SAVE_H
#define FORGELOG_SAVE_H

/* Writes aside, syncs, renames, syncs the folder. NULL, or what is wrong. */
const char *fl_save(const char *path, const char *text);

#endif
