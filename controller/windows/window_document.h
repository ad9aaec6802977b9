#ifndef MST_WINDOWS_WINDOW_DOCUMENT_H
#define MST_WINDOWS_WINDOW_DOCUMENT_H

#include "windows/window_parts.h"

/* What writer and reader of a document share. Layout: docs/window-format.md. */
enum {
  MST_DOCUMENT_VERSION = 1,
  MST_DOCUMENT_ELEMENTS = 7,
  MST_DOCUMENT_COLUMN_ELEMENTS = 5,
  MST_DOCUMENT_EVENT_ELEMENTS = 8,
  MST_DOCUMENT_DIGEST_BYTES = 8,

  /* A row's head: kind | form << FORM_SHIFT | SPARSE. */
  MST_HEAD_KIND_MASK = 7,
  MST_HEAD_FORM_SHIFT = 3,
  MST_HEAD_FORM_MASK = 7,
  MST_HEAD_SPARSE = 64,

  /* A run: length * MARKS + mark. */
  MST_RUN_MARKS = 4,
  MST_RUN_NONE = 0,
  MST_RUN_OK = 1,
  MST_RUN_ABSENT = 2,
  MST_RUN_ERROR = 3,
};

/* How the values of a row are written. */
typedef enum mst_row_form {
  MST_FORM_SAME = 0,  /* one value for all; nothing when there is none */
  MST_FORM_EACH = 1,  /* each value; nil for a text or histogram that is that before it */
  MST_FORM_WHOLE = 2, /* numbers * 1, * 100, * 1000, ... are whole: the first, then the differences */
  MST_FORM_COUNT = 7,
} mst_row_form;

/* The scale of the forms from WHOLE on: seconds from ticks have 2 places, from milliseconds 3, from microseconds 6, from nanoseconds 9. */
extern const double mst_document_scales[MST_FORM_COUNT];
/* Whole numbers up to here are exact as doubles, and so is their quotient by a scale the nearest double. */
#define MST_DOCUMENT_WHOLE_MOST  0x1p53
#define MST_DOCUMENT_SCALED_MOST 0x1p50

#endif
