/* The back ends that a controller can be configured with. */
#include "store/store.h"

#include <string.h>

static const mst_store_ops *const stores[] = {
    &mst_store_sqlite,
};

const mst_store_ops *
mst_store_find(const char *name)
{
  for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++)
    if (strcmp(stores[i]->name, name) == 0)
      return stores[i];
  return NULL;
}

const mst_store_ops *
mst_store_at(size_t index)
{
  return index < sizeof stores / sizeof stores[0] ? stores[index] : NULL;
}
