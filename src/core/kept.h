/* Kept values: the elements of a text[] as it came in a row, and the names that belong to them. */
#ifndef FORGELOG_KEPT_H
#define FORGELOG_KEPT_H

#include "change.h"

#include <stdbool.h>

/* The elements not yet read. */
struct fl_elements {
  const char *at, *end;
};

/* Begins to read an array. False where it is none, is not of one dimension, or its bytes do not add
   up: then it has no elements. */
bool fl_elements_open(const struct fl_slice *array, struct fl_elements *elements);

/* The next element; false: there is none left. */
bool fl_elements_next(struct fl_elements *elements, struct fl_slice *element);

/* Takes the next name off a list with commas in between, where one with a comma or a double quote
   is in double quotes. These are left out, but a quote within the name is still doubled. `rest` is
   NULL once nothing is left; false: it was. */
bool fl_names_next(struct fl_slice *rest, struct fl_slice *name);

/* Takes the next piece off such a name; false: there is none left. All pieces together are the name
   as it is. */
bool fl_name_piece(struct fl_slice *name, struct fl_slice *piece);

#endif
