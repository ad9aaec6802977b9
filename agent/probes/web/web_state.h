#ifndef MST_PROBES_WEB_WEB_STATE_H
#define MST_PROBES_WEB_WEB_STATE_H

#include <curl/curl.h>

#include "web.h"

/* Shared by web.c (the loop) and call.c (one request). */
struct mst_web_call {
  mst_web *web;
  mst_web_call *next;
  CURL *easy;                 /* owned */
  struct curl_slist *headers; /* owned */
  char error[CURL_ERROR_SIZE];
  mst_web_request request; /* of its texts only body is there */
  char shown[MST_WEB_TEXT_BYTES];
  size_t max_body_bytes;
  mst_buf head, body;
  bool is_cut, is_enough, has_begun, is_over_limit;
};

/* call.c */
mst_err mst_web_call_make(mst_web *web, const mst_web_request *request, mst_web_call **ret_call, mst_errctx *ctx);
void mst_web_call_free(mst_web_call *call);
/* Tells done() how it ended. */
void mst_web_call_finish(mst_web_call *call, CURLcode code);

#endif
