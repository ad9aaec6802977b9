#ifndef MST_WINDOWS_SERIES_TABLE_H
#define MST_WINDOWS_SERIES_TABLE_H

#include <mst/controller/window.h>

/* The kind of a series; 0 when there is no such number. One byte a series in a row, so that who asks for all of an agent's does not miss
 * the cache for each. */
mst_signal_kind mst_series_table_kind(const mst_series_table *table, uint32_t number);

#endif
