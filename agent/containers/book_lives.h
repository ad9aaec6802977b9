#ifndef MST_CONTAINERS_BOOK_LIVES_H
#define MST_CONTAINERS_BOOK_LIVES_H

#include "book.h"

/* What has been so for this long has been told by all events that will ever tell it: Docker tells one some milliseconds after it has put
 * down the time, on a busy host seconds after. */
static const int64_t MST_BOOK_QUIET_NS = 5 * MST_NS_PER_S;

/* What one event says of the lives of a container. */
void mst_book_tell(mst_book *book, mst_docker_record *record, const mst_docker_event *event);
/* What record->seen says of them. False when it is too fresh to be believed: ask again after MST_BOOK_QUIET_NS. */
bool mst_book_observe(mst_book *book, mst_docker_record *record, mst_wall now);
/* Closes the counts of the present life. */
void mst_book_end_life(mst_docker_record *record);

#endif
