#ifndef MST_STORE_PRIVATE_H
#define MST_STORE_PRIVATE_H

#include <mst/controller/store.h>

extern const mst_store_ops mst_store_sqlite;

#endif
