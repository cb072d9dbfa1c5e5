/* SPDX-License-Identifier: Apache-2.0
 * Many transfers at once over one libcurl multi handle, made at the first submit.
 * Knows nothing of Lua. */
#ifndef CDFW_ENGINE_H
#define CDFW_ENGINE_H

#include "transfer.h"

typedef struct cdfw_engine {
  cdfw_settings settings;
  void *multi;                  /* CURLM; NULL before the first submit and after close */
  cdfw_driver driver;           /* waits for it */
  cdfw_connections connections; /* what is known of them */
  cdfw_trust trust;             /* where their certificates come from */
  long owner;                   /* the process that made it; 0: none did */
  cdfw_transfer *running;       /* in the multi handle, or waiting for room there */
  cdfw_transfer *first_waiting; /* of these */
  cdfw_transfer *last_waiting;
  size_t inside;           /* how many are in the multi handle */
  cdfw_transfer *finished; /* the oldest that waits to be taken */
  cdfw_transfer *last;     /* the newest of them */
  cdfw_transfer *resting;  /* to be used again */
  size_t resting_count;
  double asked;   /* when the latest request began */
  int ahead;      /* the socket of a connection that was made ahead and not used yet; -1: none */
  double soonest; /* no running transfer has its deadline before this time */
  size_t pending; /* submitted and not yet taken or cancelled */
  int64_t last_id;
} cdfw_engine;

/* Makes an engine of zeroed memory; allocates nothing. */
void cdfw_engine_init(cdfw_engine *engine);
/* Gives everything up, transfers under way included. The engine is then as before the first submit;
   its settings are freed too. */
void cdfw_engine_close(cdfw_engine *engine);

/* The transfer that the next submit will use, or NULL without memory. */
cdfw_transfer *cdfw_engine_reserve(cdfw_engine *engine);
/* Begins the reserved transfer, under the id of one that was taken (0: a new one), which it gives.
   What goes wrong is an outcome like any other. `response` must live until the transfer is taken or
   cancelled (NULL: the transfer has one itself); the request may go at once. */
int64_t cdfw_engine_begin(cdfw_engine *engine, int64_t id, const cdfw_request *request,
                          cdfw_response *response);
/* Sends what was begun. */
void cdfw_engine_send(cdfw_engine *engine);
/* Does what can be done without waiting. → whether a socket stirred, which may need another look
   soon; true where that is not known. */
bool cdfw_engine_step(cdfw_engine *engine);
/* Sends what was begun, and waits until something is finished, the time is over, a signal came, or
   a slice of time has passed, after which the caller's own signal handlers should get their turn.
   → whether a signal came */
bool cdfw_engine_wait(cdfw_engine *engine, double seconds);
/* Takes the oldest finished transfer, or gives NULL. Hand it to cdfw_engine_rest after use. */
cdfw_transfer *cdfw_engine_take(cdfw_engine *engine);
/* Takes a transfer out, whatever its state, or gives NULL. Likewise. */
cdfw_transfer *cdfw_engine_cancel(cdfw_engine *engine, int64_t id);
void cdfw_engine_rest(cdfw_engine *engine, cdfw_transfer *transfer);

/* The one descriptor to poll, or -1 with *why. */
int cdfw_engine_descriptor(cdfw_engine *engine, const char **why);
/* Seconds until a step is due even if no descriptor stirs; negative: none is. */
double cdfw_engine_timeout(cdfw_engine *engine);

#endif
