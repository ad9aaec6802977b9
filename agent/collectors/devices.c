/* Disks and interfaces between two samples; see devices.h. */
#include "collectors/devices.h"

#include <fnmatch.h>
#include <string.h>

#include <mst/common/alloc.h>

enum { FIRST_DEVICES = 8 };

void
mst_devices_init(mst_devices *devices, size_t item_bytes, size_t max)
{
  *devices = (mst_devices){.item_bytes = item_bytes, .max = max};
}

void
mst_devices_done(mst_devices *devices)
{
  mst_free(devices->items);
  *devices = (mst_devices){0};
}

static mst_device *
item_at(const mst_devices *devices, size_t index)
{
  return (mst_device *)(void *)(devices->items + index * devices->item_bytes);
}

void
mst_devices_begin(mst_devices *devices)
{
  devices->round++;
  devices->hint = 0;
}

void
mst_devices_end(mst_devices *devices)
{
  size_t kept = 0;

  for (size_t i = 0; i < devices->count; i++) {
    if (item_at(devices, i)->seen != devices->round)
      continue;
    if (kept != i)
      memcpy(item_at(devices, kept), item_at(devices, i), devices->item_bytes);
    kept++;
  }
  devices->count = kept;
}

static mst_device *
find(mst_devices *devices, mst_scan name)
{
  for (size_t i = 0; i < devices->count; i++) {
    size_t index = devices->hint + i < devices->count ? devices->hint + i : devices->hint + i - devices->count;
    mst_device *device = item_at(devices, index);

    if (mst_scan_equal(name, device->name)) {
      devices->hint = index + 1 < devices->count ? index + 1 : 0;
      return device;
    }
  }
  return NULL;
}

static mst_err
add(mst_devices *devices, mst_scan name, mst_device **ret_device, mst_errctx *ctx)
{
  size_t length = mst_scan_length(name);

  if (length == 0 || length >= MST_DEVICE_NAME_BYTES)
    return mst_fail(ctx, MST_EMALFORMED, "device name \"%.*s\" has %zu bytes, at most %d are possible", mst_scan_shown(name), name.at,
                    length, MST_DEVICE_NAME_BYTES - 1);
  if (devices->count >= devices->max)
    return mst_fail(ctx, MST_ELIMIT, "over %zu devices; \"%.*s\" and those behind it are not measured: use the option \"ignore\"",
                    devices->max, mst_scan_shown(name), name.at);
  if (devices->count == devices->capacity) {
    size_t capacity = devices->capacity ? devices->capacity * 2 : FIRST_DEVICES;
    char *items = mst_realloc(devices->items, capacity, devices->item_bytes);

    if (!items)
      return mst_fail(ctx, MST_ENOMEM, "no memory for %zu devices", capacity);
    devices->items = items;
    devices->capacity = capacity;
  }

  mst_device *device = item_at(devices, devices->count++);

  memset(device, 0, devices->item_bytes);
  memcpy(device->name, name.at, length);
  *ret_device = device;
  return MST_OK;
}

mst_err
mst_devices_get(mst_devices *devices, mst_scan name, void **ret_item, bool *ret_is_new, mst_errctx *ctx)
{
  mst_device *device = find(devices, name);
  bool is_new = !device;

  if (is_new) {
    mst_err err = add(devices, name, &device, ctx);

    if (err != MST_OK)
      return err;
  }
  device->seen = devices->round;
  *ret_item = device;
  *ret_is_new = is_new;
  return MST_OK;
}

bool
mst_devices_match(const mst_option *option, const char *const *defaults, const char *name)
{
  if (option) {
    for (size_t i = 0; i < option->value_count; i++) {
      if (fnmatch(option->values[i], name, 0) == 0)
        return true;
    }
    return false;
  }
  for (; defaults && *defaults; defaults++) {
    if (fnmatch(*defaults, name, 0) == 0)
      return true;
  }
  return false;
}
