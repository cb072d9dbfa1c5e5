/* SPDX-License-Identifier: Apache-2.0
 * One request on its way through one libcurl easy handle, and how its end is put into an answer.
 * Knows nothing of Lua, nor of who waits for the sockets. */
#ifndef CDFW_TRANSFER_H
#define CDFW_TRANSFER_H

#include <stdint.h>

#include "connections.h"
#include "driver.h"
#include "message.h"
#include "trust.h"

struct curl_slist;

enum {
  CDFW_CONNECTION_AGE = 30 /* s a connection may idle and be used again; less than servers allow */
};

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

/* What has become of one use so far. */
typedef struct cdfw_flight {
  cdfw_head head;        /* how far the answer's headers are */
  bool begun;            /* a connection was ready for the request */
  bool stale;            /* it was dead, or could not be made so; nothing went out */
  bool withheld;         /* libcurl was kept from sending the request once more */
  uint64_t connection;   /* its name, once begun */
  int opened[2];         /* the sockets of new ones, the latest first; -1: none */
  int to_port;           /* where the latest of them goes; 0: none */
  uint32_t least_stream; /* an HTTP/2 stream of it has this number or a higher one */
  bool refused;          /* libcurl says that the server refused the stream */
  bool going;            /* libcurl says that the server goes away … */
  uint32_t last_stream;  /* … and that this is the last stream that it has looked at */
  bool flooded;          /* the server sent without end what is no answer */
  bool malformed;        /* a header of the answer has a NUL in it */
  int socket_errno;      /* this machine had no socket to give, and why; 0: it had */
} cdfw_flight;

typedef struct cdfw_transfer {
  struct cdfw_transfer *next;     /* in the list of the engine that it is in */
  struct cdfw_transfer *previous; /* set only while it runs */
  struct cdfw_transfer *after;    /* the next that waits for room in libcurl */
  bool waits;                     /* it does so: libcurl does not know it yet */
  cdfw_request held;              /* the request, while it does so; else empty */
  int64_t id;                     /* of this use */
  void *easy;                     /* CURL, kept from use to use; NULL: none yet */
  const char *flaw;               /* what this libcurl does not take and must; NULL: nothing */
  bool spent;                     /* libcurl may remember trouble: the easy handle is not kept */
  const cdfw_settings *settings;  /* of the engine */
  cdfw_driver *driver;            /* opens and closes the sockets */
  cdfw_connections *connections;  /* what is known of them */
  cdfw_trust *trust;              /* whom it asks for certificates */
  double deadline;                /* on the driver's clock */
  cdfw_buffer headers;            /* the request's, copied */
  cdfw_buffer body;               /* the request's, copied */
  struct curl_slist *lines;       /* into `headers`, as libcurl wants them */
  size_t line_room;               /* elements allocated in `lines` */
  bool repeatable;                /* harmless to send twice: libcurl may do so by itself */
  bool tls;                       /* the request goes by https, perhaps by HTTP/2 */
  bool listens;                   /* libcurl is asked to say what it does */
  bool connects_only;             /* it ends as soon as its connection is there; nothing is sent */
  cdfw_response *response;        /* where the answer goes: in here, or its owner keeps it alive */
  cdfw_response answer;           /* … in here */
  cdfw_flight flight;
  char words[256]; /* libcurl's own about the failure (CURL_ERROR_SIZE) */
} cdfw_transfer;

/* A transfer at rest, without an easy handle yet; NULL without memory. The others must outlive it.
 */
cdfw_transfer *cdfw_transfer_new(const cdfw_settings *settings, cdfw_trust *trust,
                                 cdfw_driver *driver, cdfw_connections *connections);
/* Makes its easy handle, which takes long and 10 kB; false without memory. */
bool cdfw_transfer_equip(cdfw_transfer *transfer);
/* Gives it the easy handle of another one at rest. */
void cdfw_transfer_take_over(cdfw_transfer *transfer, cdfw_transfer *from);
void cdfw_transfer_free(cdfw_transfer *transfer);
/* Says where the answer goes (NULL: into the transfer itself), whose body has `most` bytes at most.
 */
void cdfw_transfer_answer_in(cdfw_transfer *transfer, cdfw_response *response, size_t most);
/* Whether the request goes by https. */
bool cdfw_transfer_is_tls(const cdfw_request *request);
/* Keeps a copy of the request for later; false without memory. */
bool cdfw_transfer_hold(cdfw_transfer *transfer, const cdfw_request *request);
/* Loads the request (copied: it may change or go afterwards); false when there is no memory, or
   with `flaw` when this libcurl cannot do what it must. */
bool cdfw_transfer_load(cdfw_transfer *transfer, const cdfw_request *request);
/* Makes a stale transfer ready to begin anew, on a connection of its own, with `seconds` left. */
void cdfw_transfer_renew(cdfw_transfer *transfer, double seconds);
/* Forgets (and wipes) the request and its answer, and lets go of another's response. */
void cdfw_transfer_rest(cdfw_transfer *transfer);

#endif
