#ifndef MST_PROBES_REDIS_INFO_H
#define MST_PROBES_REDIS_INFO_H

#include <stdbool.h>
#include <stddef.h>

/* What INFO answers (https://redis.io/docs/latest/commands/info/): lines of name:value. Pure; any thread. The text ends in NUL. */

/* The value, cut at the room. False: there is no such line. */
bool mst_redis_info_text(const char *info, const char *name, char *ret_value, size_t value_bytes);
/* False: there is none, or it is no number. */
bool mst_redis_info_number(const char *info, const char *name, double *ret_number);

#endif
