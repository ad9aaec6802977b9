#ifndef MST_CONTAINERS_ANSWERS_JSON_H
#define MST_CONTAINERS_ANSWERS_JSON_H

#include <jansson.h>

#include "answers.h"

/* The document, to be released with json_decref; NULL and a text in ctx when it is none (MST_EMALFORMED). */
json_t *mst_docker_json(const char *text, size_t length, const char *what, mst_errctx *ctx) MST_MUST_USE;
/* Copies a string; false when it is none or too long. */
bool mst_docker_copy(const json_t *text, char *ret, size_t size_bytes) MST_MUST_USE;
/* Copies an id; false when it is not 64 small hexadecimal digits. */
bool mst_docker_copy_id(const json_t *text, char ret[static MST_DOCKER_ID_BYTES + 1]) MST_MUST_USE;

#endif
