/* What the network interfaces did, from /proc/net/dev, and how fast they are. */
#include "collectors/network.h"

#include <string.h>

#include <mst/common/alloc.h>

#include "collectors/counter.h"
#include "collectors/devices.h"
#include "collectors/emit.h"
#include "collectors/source.h"

enum {
  DEV_FIRST_BYTES = 4096,
  DEV_MAX_BYTES = 1024 * 1024, /* 8000 interfaces at 120 bytes */
  INTERFACES_MAX = 2048,       /* with the ignored ones: a host of 1000 containers */
  SPEED_BYTES = 32,
};

/* The speed is asked of the driver, under a lock of the whole network: not each time. */
static const int64_t speed_age_ns = 60 * MST_NS_PER_S;

enum { IO, PACKETS, ERRORS, DROPPED, LIMIT, UTILIZATION, HOST_UTILIZATION };
static const mst_signal signals[] = {
    [IO] = {"system.network.io", MST_SIGNAL_COUNTER, "By", "Bytes received and transmitted since boot"},
    [PACKETS] = {"system.network.packet.count", MST_SIGNAL_COUNTER, "{packet}", "Packets received and transmitted since boot"},
    [ERRORS] = {"system.network.errors", MST_SIGNAL_COUNTER, "{error}", "Packets since boot that were faulty or could not be transmitted"},
    [DROPPED] = {"system.network.packet.dropped", MST_SIGNAL_COUNTER, "{packet}", "Packets since boot that were dropped though not faulty"},
    [LIMIT] = {"muster.network.bandwidth.limit", MST_SIGNAL_GAUGE, "bit/s",
               "Speed of the link; not given where the driver does not know it"},
    [UTILIZATION] =
        {"muster.network.utilization", MST_SIGNAL_GAUGE, "1",
         "Share of the link's speed used since the last sample, in the busier direction; not given where the speed is not known"},
    [HOST_UTILIZATION] = {"muster.host.network.utilization", MST_SIGNAL_GAUGE, "1", "muster.network.utilization of the busiest interface"},
};
static const size_t signal_of[] = {IO, PACKETS, ERRORS, DROPPED}; /* in the order of both halves of the figures */

static const mst_option_help options[] = {
    {"ignore", "lo, and veth with six or more hexadecimal digits (of containers)", "interfaces not to report, as shell patterns"},
};
#define HEX "[0-9a-f]"
static const char *const ignored_by_default[] = {"lo", "veth" HEX HEX HEX HEX HEX HEX "*", NULL};
#undef HEX

struct interface {
  mst_device device;
  bool is_ignored, has_before, has_share, has_speed;
  mst_counter counters[MST_NETWORK_FIGURES];
  uint64_t bytes[2]; /* unwrapped, at `at`: received, sent */
  mst_mono at, speed_at;
  uint64_t bits_per_s;
  double share;
};

struct state {
  int root_fd;
  const mst_clock *clock;
  mst_wall boot_at;
  const mst_option *ignore; /* borrowed while open */
  mst_source dev;
  mst_devices interfaces;
};

mst_err
mst_network_parse(mst_scan line, mst_network_line *ret_line, mst_errctx *ctx)
{
  enum { COLUMNS = 12 };
  static const int figure_of[COLUMNS] = {MST_NETWORK_RECEIVED_BYTES,
                                         MST_NETWORK_RECEIVED_PACKETS,
                                         MST_NETWORK_RECEIVED_ERRORS,
                                         MST_NETWORK_RECEIVED_DROPPED,
                                         -1, /* fifo, frame, compressed, multicast */
                                         -1,
                                         -1,
                                         -1,
                                         MST_NETWORK_SENT_BYTES,
                                         MST_NETWORK_SENT_PACKETS,
                                         MST_NETWORK_SENT_ERRORS,
                                         MST_NETWORK_SENT_DROPPED};
  mst_scan shown = line;
  mst_network_line parsed;
  uint64_t number;

  while (line.at < line.end && *line.at == ' ')
    line.at++;

  /* Old kernels put no blank behind the colon; the name itself may hold one ("eth0:1"). */
  const char *colon = memrchr(line.at, ':', mst_scan_length(line));

  if (!colon || colon == line.at)
    goto malformed;
  parsed.name = (mst_scan){.at = line.at, .end = colon};
  line.at = colon + 1;
  for (size_t i = 0; i < COLUMNS; i++) {
    if (!mst_scan_u64(&line, &number))
      goto malformed;
    if (figure_of[i] >= 0)
      parsed.figure[figure_of[i]] = number;
  }
  *ret_line = parsed;
  return MST_OK;
malformed:
  return mst_fail(ctx, MST_EMALFORMED, "/proc/net/dev: not a name, a colon and 12 numbers: \"%.*s\"", mst_scan_shown(shown), shown.at);
}

mst_err
mst_network_speed_parse(const char *text, size_t length, uint64_t *ret_bits_per_s, mst_errctx *ctx)
{
  mst_scan all = mst_scan_over(text, length), shown = all;
  uint64_t megabits;

  /* 65535 and 4294967295 are how older drivers write -1. */
  if (mst_scan_prefix(&all, "-"))
    return mst_fail(ctx, MST_EABSENT, "the driver does not know the link's speed");
  if (!mst_scan_u64(&all, &megabits) || megabits > UINT32_MAX)
    return mst_fail(ctx, MST_EMALFORMED, "\"%.*s\" is no speed in Mbit/s", mst_scan_shown(shown), shown.at);
  if (megabits == 0 || megabits == UINT16_MAX || megabits == UINT32_MAX)
    return mst_fail(ctx, MST_EABSENT, "the driver does not know the link's speed");
  *ret_bits_per_s = megabits * 1000000;
  return MST_OK;
}

static void
close_network(void *opaque)
{
  struct state *st = opaque;

  if (!st)
    return;
  mst_source_close(&st->dev);
  mst_devices_done(&st->interfaces);
  mst_free(st);
}

static mst_err
open_network(const mst_collector_env *env, void **ret_state, mst_errctx *ctx)
{
  struct state *st = mst_alloc(1, sizeof *st);

  if (!st)
    return mst_fail(ctx, MST_ENOMEM, "network: no memory for its state");
  st->root_fd = env->root_fd;
  st->clock = env->clock;
  st->boot_at = env->boot_at;
  st->ignore = mst_collector_option(env, "ignore");
  mst_devices_init(&st->interfaces, sizeof(struct interface), INTERFACES_MAX);

  mst_err err = mst_source_open(&st->dev, env->root_fd, "proc/net/dev", DEV_FIRST_BYTES, DEV_MAX_BYTES, ctx);

  if (err != MST_OK) {
    close_network(st);
    return err;
  }
  *ret_state = st;
  return MST_OK;
}

/* Asks for the speed when what is known is old. Interfaces that are down or virtual refuse with EINVAL, others say -1: not known, no error.
 */
static void
refresh_speed(const struct state *st, struct interface *interface, mst_mono now)
{
  static const char before[] = "sys/class/net/", after[] = "/speed";
  char path[sizeof before + MST_DEVICE_NAME_BYTES + sizeof after], text[SPEED_BYTES];
  size_t name = strlen(interface->device.name), length;
  mst_errctx ignored = {0};

  if (interface->has_before && now.ns - interface->speed_at.ns < speed_age_ns)
    return;
  memcpy(path, before, sizeof before - 1);
  memcpy(path + sizeof before - 1, interface->device.name, name);
  memcpy(path + sizeof before - 1 + name, after, sizeof after);
  interface->speed_at = now;
  interface->has_speed = mst_source_read_once(st->root_fd, path, text, sizeof text, &length, &ignored) == MST_OK &&
                         mst_network_speed_parse(text, length, &interface->bits_per_s, &ignored) == MST_OK;
}

static void
give_utilization(mst_emit *emit, struct interface *interface, const uint64_t bytes[static 2], mst_mono now, double *busiest)
{
  const mst_tag tag = {"network.interface.name", interface->device.name};
  bool was_reset = interface->has_before && (bytes[0] < interface->bytes[0] || bytes[1] < interface->bytes[1]);
  int64_t elapsed_ns = now.ns - interface->at.ns;

  if (interface->has_before && !was_reset && elapsed_ns > 0 && interface->has_speed) {
    uint64_t received = bytes[0] - interface->bytes[0], sent = bytes[1] - interface->bytes[1];
    double bits = (double)(received > sent ? received : sent) * 8;
    double share = bits / ((double)interface->bits_per_s * (double)elapsed_ns / (double)MST_NS_PER_S);

    interface->share = share < 1 ? share : 1; /* drivers count in bursts */
    interface->has_share = true;
  }
  if (was_reset && interface->has_speed)
    mst_emit_error(emit, &signals[UTILIZATION], &tag, 1, "its counters fell: the device was replaced; measured again with the next sample");
  if (was_reset || !interface->has_speed)
    interface->has_share = false;
  memcpy(interface->bytes, bytes, sizeof interface->bytes);
  interface->has_before = true;
  interface->at = now;
  if (!interface->has_share)
    return;
  if (interface->share > *busiest)
    *busiest = interface->share;
  mst_emit_gauge(emit, &signals[UTILIZATION], &tag, 1, interface->share);
}

static void
give_interface(const struct state *st, mst_emit *emit, struct interface *interface, const mst_network_line *line, double *busiest)
{
  enum { HALF = MST_NETWORK_FIGURES / 2 };
  const char *name = interface->device.name;
  const mst_tag tag = {"network.interface.name", name};
  const mst_tag tags[2][2] = {{{"network.interface.name", name}, {"network.io.direction", "receive"}},
                              {{"network.interface.name", name}, {"network.io.direction", "transmit"}}};
  mst_mono now = mst_clock_mono(st->clock);
  uint64_t bytes[2] = {0};

  refresh_speed(st, interface, now);
  for (size_t i = 0; i < MST_NETWORK_FIGURES; i++) {
    uint64_t value = mst_counter_unwrap(&interface->counters[i], line->figure[i]);

    if (i % HALF == MST_NETWORK_RECEIVED_BYTES)
      bytes[i / HALF] = value;
    mst_emit_counter(emit, &signals[signal_of[i % HALF]], tags[i / HALF], 2, st->boot_at, (double)value);
  }
  if (interface->has_speed)
    mst_emit_gauge(emit, &signals[LIMIT], &tag, 1, (double)interface->bits_per_s);
  give_utilization(emit, interface, bytes, now, busiest);
}

static mst_err
sample_line(struct state *st, mst_emit *emit, mst_scan line, double *busiest, mst_errctx *ctx)
{
  mst_network_line parsed;
  void *item;
  bool is_new;
  mst_err err = mst_network_parse(line, &parsed, ctx);

  if (err == MST_OK)
    err = mst_devices_get(&st->interfaces, parsed.name, &item, &is_new, ctx);
  if (err != MST_OK)
    return err;

  struct interface *interface = item;

  if (is_new)
    interface->is_ignored = mst_devices_match(st->ignore, ignored_by_default, interface->device.name);
  if (!interface->is_ignored)
    give_interface(st, emit, interface, &parsed, busiest);
  return emit->err;
}

static mst_err
sample_network(void *opaque, mst_sink *sink, mst_errctx *ctx)
{
  struct state *st = opaque;
  mst_errctx ignored = {0};
  mst_emit emit = {.sink = sink, .ctx = &ignored};
  double busiest = -1;
  mst_err err = mst_source_read(&st->dev, ctx);

  if (err != MST_OK)
    return err;

  mst_scan all = mst_scan_over(st->dev.text, st->dev.length), line;

  if (!mst_scan_line(&all, &line) || !mst_scan_line(&all, &line))
    return mst_fail(ctx, MST_EMALFORMED, "/proc/net/dev: no head of two lines in its %zu bytes", st->dev.length);
  mst_devices_begin(&st->interfaces);
  while (mst_scan_line(&all, &line)) {
    /* One bad line does not hide the other interfaces; the first one is what is reported. */
    mst_err one = mst_scan_is_cut(&all, line)
                      ? mst_fail(&ignored, MST_EMALFORMED, "/proc/net/dev: cut short at \"%.*s\"", mst_scan_shown(line), line.at)
                      : sample_line(st, &emit, line, &busiest, &ignored);
    if (one != MST_OK && err == MST_OK)
      err = mst_fail(ctx, one, "%s", ignored.text);
  }
  mst_devices_end(&st->interfaces);
  if (busiest >= 0)
    mst_emit_gauge(&emit, &signals[HOST_UTILIZATION], NULL, 0, busiest);
  return err;
}

const mst_collector mst_collector_network = {
    .name = "network",
    .help = "Bytes, packets, errors, drops and link speed of network interfaces",
    .deadline_ns = 100 * MST_NS_PER_MS,
    .signals = signals,
    .signal_count = sizeof signals / sizeof signals[0],
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = open_network,
    .sample = sample_network,
    .close = close_network,
};
