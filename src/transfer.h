/* SPDX-License-Identifier: Apache-2.0
 * One request on its way through one libcurl easy handle, and how its end is put into an answer.
 * Knows nothing of Lua, nor of who waits for the sockets. */
#ifndef CDFW_TRANSFER_H
#define CDFW_TRANSFER_H

#include <stdint.h>

#include "driver.h"
#include "message.h"

struct curl_slist;

typedef struct cdfw_settings {
  long max_connections; /* in all, and to one server */
  cdfw_buffer ca_file;  /* empty: the bundle that libcurl was built with */
  cdfw_buffer proxy;    /* with has_proxy: its URL, or empty for none */
  bool has_proxy;       /* false: the environment decides (https_proxy, NO_PROXY, …) */
} cdfw_settings;

typedef enum cdfw_head {
  CDFW_HEAD_STATUS, /* a status line comes next */
  CDFW_HEAD_FIELDS, /* header lines, up to an empty one */
  CDFW_HEAD_DONE    /* the final answer's headers are whole; what still comes is a trailer */
} cdfw_head;

typedef struct cdfw_transfer {
  struct cdfw_transfer *next;     /* in the list of the engine that it is in */
  struct cdfw_transfer *previous; /* set only while it runs */
  int64_t id;                     /* of this use */
  void *easy;                     /* CURL, kept from use to use */
  double deadline;                /* on the driver's clock; only while it has not begun */
  cdfw_driver *driver;            /* opens and closes the sockets */
  cdfw_buffer headers;            /* the request's, copied */
  cdfw_buffer body;               /* the request's, copied */
  struct curl_slist *lines;       /* into `headers`, as libcurl wants them */
  size_t line_room;               /* elements allocated in `lines` */
  cdfw_response *response;        /* where the answer goes; its owner keeps it alive */
  cdfw_head head;                 /* how far the answer's headers are */
  bool repeatable;                /* harmless to send twice: libcurl may do so by itself */
  bool begun;                     /* a connection was ready for the request */
  bool withheld;                  /* libcurl was kept from sending the request once more */
  int socket_errno;               /* this machine had no socket to give, and why; 0: it had */
  char words[256];                /* libcurl's own about the failure (CURL_ERROR_SIZE) */
} cdfw_transfer;

/* A transfer at rest, or NULL without memory. `driver` must outlive it. */
cdfw_transfer *cdfw_transfer_new(const cdfw_settings *settings, cdfw_driver *driver);
void cdfw_transfer_free(cdfw_transfer *transfer);
/* Loads the request (copied: it may change or go afterwards); false when there is no memory. */
bool cdfw_transfer_load(cdfw_transfer *transfer, const cdfw_request *request,
                        cdfw_response *response);
/* Writes the outcome, a CURLcode, into the response. */
void cdfw_transfer_conclude(cdfw_transfer *transfer, int code);
/* Writes a failure that libcurl had no part in. */
void cdfw_transfer_fail(cdfw_transfer *transfer, cdfw_failure failure, bool sent,
                        const char *detail);
/* Forgets (and wipes) the request and lets go of the response. */
void cdfw_transfer_rest(cdfw_transfer *transfer);

#endif
