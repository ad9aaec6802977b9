#ifndef MST_PROBES_NET_DIAL_H
#define MST_PROBES_NET_DIAL_H

#include <mst/probes/probe.h>

/* A TCP connection to a host's name or address: the name is looked up as the host itself does (nsswitch, /etc/hosts, DNS), on a thread of
 * its own, then each of its addresses is tried in turn. Opaque; prober's thread. */
typedef struct mst_dial mst_dial;

typedef enum mst_dial_outcome { MST_DIAL_OPEN, MST_DIAL_REFUSED, MST_DIAL_UNREACHABLE, MST_DIAL_FAILED } mst_dial_outcome;

/* reason: "connect to 127.0.0.1:6379: refused"; "" when it is open. Called once, not after mst_dial_close. */
typedef void (*mst_dial_done)(void *arg, mst_dial_outcome outcome, const char *reason);

/* All is closed and freed: no callback of the stream comes any more, what `arg` points to may go. */
typedef void (*mst_dial_closed)(void *arg);

/* Gives the attempt's phases "resolve" (only when there is a name to look up) and "connect". NULL: the attempt has failed already. */
mst_dial *mst_dial_begin(mst_probe_attempt *attempt, const mst_probe_address *address, mst_dial_done done, mst_dial_closed closed,
                         void *arg);
/* Whether an address is being connected to, and no answer has come. */
bool mst_dial_is_connecting(const mst_dial *dial);
/* Closes the connection and frees all; closed() is called at once or in a later turn of the loop. May be called within done(). */
void mst_dial_close(mst_dial *dial);

/* Once it is open: what comes is put into room, behind what came before, until it is full. got() is called after each piece, with how many
 * bytes there are in all, and with an outcome of reading: 0, UV_EOF at the other side's end, UV_ENOBUFS when room is full, or libuv's
 * error. */
typedef void (*mst_dial_got)(void *arg, size_t size_bytes, int outcome);
void mst_dial_read(mst_dial *dial, char *room, size_t room_bytes, mst_dial_got got);
/* Sends bytes, which stay until the dial is closed. What goes wrong shows in reading. */
void mst_dial_write(mst_dial *dial, const char *data, size_t size_bytes);

#endif
