/* SPDX-License-Identifier: Apache-2.0
 * The multi handle and the lists of its transfers; see engine.h. Every function that may make
 * libcurl work ends in `settle`, so that no completion waits unseen. */
#define _POSIX_C_SOURCE 200809L
#include "engine.h"

#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ending.h"
#include "library.h"
#include "process.h"
#include "signals.h"

enum {
  STREAMS = 1000,   /* requests at once on one HTTP/2 connection, if the server lets us */
  RESTING_MAX = 128 /* so that 100 at once need none anew; some 10 kB each */
};

/* libcurl gets this much longer to end a transfer itself, since it knows better what it waited for.
 */
static const double GRACE = 0.01;

/* What a server sends of its own after a handshake comes within this time of its first part. */
static const double SETTLING = 0.001;

/* A signal of a handler that only notes it may come just before; this bounds the delay. */
static const double SLICE = 0.25;

/* {==== Lists ==== */

static void link_running(cdfw_engine *engine, cdfw_transfer *transfer) {
  transfer->previous = NULL;
  transfer->next = engine->running;
  if (engine->running != NULL) engine->running->previous = transfer;
  engine->running = transfer;
}

static void unlink_running(cdfw_engine *engine, cdfw_transfer *transfer) {
  if (transfer->previous != NULL)
    transfer->previous->next = transfer->next;
  else
    engine->running = transfer->next;
  if (transfer->next != NULL) transfer->next->previous = transfer->previous;
}

static void link_finished(cdfw_engine *engine, cdfw_transfer *transfer) {
  transfer->next = NULL;
  if (engine->finished == NULL)
    engine->finished = transfer;
  else
    engine->last->next = transfer;
  engine->last = transfer;
}

static void link_resting(cdfw_engine *engine, cdfw_transfer *transfer) {
  transfer->next = engine->resting;
  engine->resting = transfer;
  engine->resting_count++;
}

static cdfw_transfer *take_reserved(cdfw_engine *engine) {
  cdfw_transfer *transfer = engine->resting;
  engine->resting = transfer->next;
  engine->resting_count--;
  return transfer;
}

static void finish(cdfw_engine *engine, cdfw_transfer *transfer) {
  if (!transfer->connects_only) {
    link_finished(engine, transfer);
    return;
  }
  engine->ahead = cdfw_connections_descriptor(&engine->connections, transfer->flight.connection);
  cdfw_engine_rest(engine, transfer); /* nobody waits for it */
}

static void free_list(cdfw_transfer *transfer) {
  while (transfer != NULL) {
    cdfw_transfer *next = transfer->next;
    cdfw_transfer_free(transfer);
    transfer = next;
  }
}

/* }==== */

/* {==== The multi handle ==== */

static bool set_limits(CURLM *multi, long connections) {
  return curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, connections) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, connections) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)STREAMS) == CURLM_OK;
}

static bool open_multi(cdfw_engine *engine) {
  if (engine->multi != NULL) return true;
  if (!cdfw_library_start()) return false;
  CURLM *multi = curl_multi_init();
  if (multi == NULL) return false;
  if (!set_limits(multi, engine->settings.max_connections) ||
      !cdfw_driver_open(&engine->driver, multi)) {
    int reason = errno;
    curl_multi_cleanup(multi);
    errno = reason;
    return false;
  }
  engine->multi = multi;
  engine->owner = cdfw_process_id();
  return true;
}

static void close_multi(cdfw_engine *engine) {
  if (engine->multi != NULL) curl_multi_cleanup(engine->multi);
  engine->multi = NULL;
}

/* libcurl looks at each transfer that waits in it for a connection again and again. So it gets no
   more than can be under way: by HTTP/2 that is many on one connection. */
static bool has_room(const cdfw_engine *engine, const cdfw_request *request) {
  size_t most = (size_t)engine->settings.max_connections;
  if (most < STREAMS && cdfw_transfer_is_tls(request)) most = STREAMS;
  return engine->inside < most;
}

static CURLMcode put_in(cdfw_engine *engine, cdfw_transfer *transfer) {
  CURLMcode code = curl_multi_add_handle(engine->multi, transfer->easy);
  if (code == CURLM_OK) engine->inside++;
  return code;
}

static bool equip(cdfw_engine *engine, cdfw_transfer *transfer) {
  cdfw_transfer *other = engine->resting;
  if (transfer->easy != NULL) return true;
  if (other == NULL || other->easy == NULL) return cdfw_transfer_equip(transfer);
  cdfw_transfer_take_over(transfer, take_reserved(engine));
  cdfw_transfer_free(other);
  return true;
}

static const char *why_not_loaded(cdfw_transfer *transfer) {
  if (transfer->flaw == NULL) return "not enough memory";
  snprintf(transfer->words, sizeof transfer->words,
           "libcurl %s does not take %s, on which this library relies", cdfw_library_version(),
           transfer->flaw);
  return transfer->words;
}

/* Hands it to libcurl. → what kept it from that, or NULL */
static const char *enter(cdfw_engine *engine, cdfw_transfer *transfer,
                         const cdfw_request *request) {
  if (!equip(engine, transfer) || !cdfw_transfer_load(transfer, request))
    return why_not_loaded(transfer);
  CURLMcode code = put_in(engine, transfer);
  return code == CURLM_OK ? NULL : curl_multi_strerror(code);
}

/* It waits with no more than its request: thousands may do so. */
static bool put_off(cdfw_engine *engine, cdfw_transfer *transfer, const cdfw_request *request) {
  if (!cdfw_transfer_hold(transfer, request)) return false;
  transfer->waits = true;
  transfer->after = NULL;
  if (engine->first_waiting == NULL)
    engine->first_waiting = transfer;
  else
    engine->last_waiting->after = transfer;
  engine->last_waiting = transfer;
  return true;
}

static void wait_no_more(cdfw_engine *engine, cdfw_transfer *transfer) {
  cdfw_transfer *before = NULL;
  for (cdfw_transfer *one = engine->first_waiting; one != transfer; one = one->after)
    before = one;
  if (before == NULL)
    engine->first_waiting = transfer->after;
  else
    before->after = transfer->after;
  if (engine->last_waiting == transfer) engine->last_waiting = before;
  transfer->waits = false;
}

static void detach(cdfw_engine *engine, cdfw_transfer *transfer) {
  unlink_running(engine, transfer);
  if (transfer->waits) {
    wait_no_more(engine, transfer);
  } else {
    curl_multi_remove_handle(engine->multi, transfer->easy);
    engine->inside--;
  }
}

/* Lets those that waited in, first come, first served. */
static void let_in(cdfw_engine *engine) {
  cdfw_transfer *first;
  while ((first = engine->first_waiting) != NULL && has_room(engine, &first->held)) {
    wait_no_more(engine, first);
    first->held.timeout = first->deadline - GRACE - cdfw_driver_now();
    const char *trouble = enter(engine, first, &first->held);
    cdfw_request_free(&first->held);
    if (trouble == NULL) continue;
    unlink_running(engine, first);
    cdfw_ending_fail(first, CDFW_FAILURE_LOCAL, false, trouble);
    finish(engine, first);
  }
}

/* libcurl's multi handle has become unusable: its transfers fail, and the next submit makes
   another. A host goes on polling the same descriptor. */
static void collapse(cdfw_engine *engine) {
  while (engine->running != NULL) {
    cdfw_transfer *transfer = engine->running;
    detach(engine, transfer);
    cdfw_ending_fail(transfer, CDFW_FAILURE_LOCAL, transfer->flight.begun, "libcurl gave up");
    finish(engine, transfer);
  }
  close_multi(engine);
}

/* In a forked child: the connections belong to the parent, so nothing may be said on them. libcurl
   cannot free them in silence, nor without the parent's resolver threads, so their memory stays. */
static void leave_to_parent(cdfw_engine *engine) {
  if (engine->owner == 0 || engine->owner == cdfw_process_id()) return;
  while (engine->running != NULL) {
    cdfw_transfer *transfer = engine->running;
    unlink_running(engine, transfer);
    transfer->waits = false;
    transfer->easy = NULL;
    cdfw_ending_fail(transfer, CDFW_FAILURE_CANCELLED, true,
                     "the process forked while the request was under way");
    finish(engine, transfer);
  }
  cdfw_driver_abandon(&engine->driver);
  engine->first_waiting = engine->last_waiting = NULL;
  engine->inside = 0;
  engine->multi = NULL;
  engine->owner = 0;
}

/* The kept connection was dead, or the new one could not be made so; nothing went out, and that is
   no attempt. */
static bool begin_anew(cdfw_engine *engine, cdfw_transfer *transfer) {
  cdfw_transfer_renew(transfer, transfer->deadline - GRACE - cdfw_driver_now());
  if (put_in(engine, transfer) != CURLM_OK) return false;
  link_running(engine, transfer);
  return true;
}

static void collect(cdfw_engine *engine) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(engine->multi, &left)) != NULL) {
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode code = message->data.result;
    char *transfer_address = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer_address);
    cdfw_transfer *transfer = (cdfw_transfer *)(void *)transfer_address;
    detach(engine, transfer);
    if (transfer->flight.stale && begin_anew(engine, transfer)) continue;
    cdfw_ending_conclude(transfer, (int)code);
    finish(engine, transfer);
  }
}

/* libcurl keeps no time for a transfer that still waits for a connection to become free. */
static void expire(cdfw_engine *engine) {
  if (engine->running == NULL) return;
  double now = cdfw_driver_now();
  if (now < engine->soonest) return;
  engine->soonest = INFINITY;
  for (cdfw_transfer *transfer = engine->running, *next; transfer != NULL; transfer = next) {
    next = transfer->next;
    if (transfer->flight.begun) continue;
    if (transfer->deadline > now) {
      if (transfer->deadline < engine->soonest) engine->soonest = transfer->deadline;
      continue;
    }
    detach(engine, transfer);
    cdfw_ending_fail(transfer, CDFW_FAILURE_TIMEOUT, false, "no connection was free in time");
    finish(engine, transfer);
  }
}

/* When the engine wants a turn even if no socket stirs. */
static double due_time(const cdfw_engine *engine) {
  if (engine->finished != NULL) return cdfw_driver_now();
  if (engine->multi == NULL) return INFINITY;
  double due = cdfw_driver_due(&engine->driver);
  return engine->soonest < due ? engine->soonest : due;
}

static void settle(cdfw_engine *engine, bool well) {
  collect(engine);
  if (well) {
    expire(engine);
    let_in(engine);
  } else {
    collapse(engine);
  }
  if (engine->running == NULL) engine->soonest = INFINITY;
  cdfw_driver_arm(&engine->driver, due_time(engine));
}

/* Lets libcurl do what is due. */
static void turn(cdfw_engine *engine) {
  sigset_t signals;
  cdfw_signals_hold(&signals);
  settle(engine, cdfw_driver_act(&engine->driver));
  cdfw_signals_release(&signals);
}

/* }==== */

void cdfw_engine_init(cdfw_engine *engine) {
  memset(engine, 0, sizeof *engine);
  engine->soonest = INFINITY;
  engine->asked = -INFINITY;
  engine->ahead = -1;
  cdfw_buffer_init(&engine->settings.ca_file, CDFW_MAX_URL, false);
  cdfw_buffer_init(&engine->settings.proxy, CDFW_MAX_URL, true);
}

void cdfw_engine_close(cdfw_engine *engine) {
  sigset_t signals;
  leave_to_parent(engine);
  cdfw_signals_hold(&signals);
  while (engine->running != NULL) {
    cdfw_transfer *transfer = engine->running;
    detach(engine, transfer);
    link_resting(engine, transfer);
  }
  free_list(engine->finished);
  free_list(engine->resting);
  close_multi(engine);
  cdfw_driver_close(&engine->driver);
  cdfw_signals_release(&signals);
  cdfw_trust_free(&engine->trust);
  cdfw_buffer_free(&engine->settings.ca_file);
  cdfw_buffer_free(&engine->settings.proxy);
  cdfw_engine_init(engine);
}

/* {==== Transfers ==== */

/* Where others wait, it will wait too, and the easy handles at rest are for those before it. */
cdfw_transfer *cdfw_engine_reserve(cdfw_engine *engine) {
  cdfw_transfer *first = engine->resting;
  if (first == NULL || (first->easy != NULL && engine->first_waiting != NULL)) {
    first =
        cdfw_transfer_new(&engine->settings, &engine->trust, &engine->driver, &engine->connections);
    if (first != NULL) link_resting(engine, first);
  }
  return first;
}

/* What kept the transfer from starting, or NULL. */
static const char *start(cdfw_engine *engine, cdfw_transfer *transfer, const cdfw_request *request,
                         cdfw_response *response) {
  errno = 0;
  cdfw_transfer_answer_in(transfer, response, request->max_response_size);
  if (!open_multi(engine)) return errno != 0 ? strerror(errno) : "libcurl could not be started";
  if (engine->first_waiting == NULL && has_room(engine, request))
    return enter(engine, transfer, request);
  return put_off(engine, transfer, request) ? NULL : "not enough memory";
}

static void run(cdfw_engine *engine, cdfw_transfer *transfer, double until) {
  link_running(engine, transfer);
  transfer->deadline = until + GRACE;
  if (transfer->deadline < engine->soonest) engine->soonest = transfer->deadline;
}

/* Whether a connection is wanted for what follows, and libcurl has surely none. */
static bool may_connect(const cdfw_engine *engine, double now) {
  return cdfw_library_keeps_unused() && engine->settings.max_connections > 1 &&
         now > engine->asked + CDFW_CONNECTION_AGE;
}

/* Makes the connection for the request that will follow, to save it the round trips. It is a
   comfort: whatever goes wrong is left to that request. */
static void connect_ahead(cdfw_engine *engine, const cdfw_request *request, double now) {
  if (!may_connect(engine, now) || cdfw_engine_reserve(engine) == NULL) return;
  cdfw_transfer *transfer = take_reserved(engine);
  cdfw_request next;
  cdfw_request_init(&next);
  next.timeout = request->timeout;
  next.connect_timeout = request->connect_timeout;
  transfer->id = 0;
  transfer->connects_only = true;
  if (cdfw_buffer_add(&next.url, request->next.data, request->next.length) &&
      start(engine, transfer, &next, NULL) == NULL)
    run(engine, transfer, now + request->timeout);
  else
    cdfw_engine_rest(engine, transfer);
  cdfw_request_free(&next);
}

/* After a handshake the server sends tickets, and then HTTP/2's settings. libcurl 7.88 takes a kept
   connection for dead when it looks between the two. */
static void let_settle(cdfw_engine *engine) {
  struct pollfd look = {.fd = engine->ahead, .events = POLLIN};
  if (engine->ahead < 0) return;
  if (poll(&look, 1, 0) > 0) cdfw_driver_put_off(&engine->driver, cdfw_driver_now() + SETTLING);
  engine->ahead = -1;
}

int64_t cdfw_engine_begin(cdfw_engine *engine, int64_t id, const cdfw_request *request,
                          cdfw_response *response) {
  leave_to_parent(engine);
  cdfw_transfer *transfer = take_reserved(engine);
  engine->pending++;
  transfer->id = id != 0 ? id : ++engine->last_id;
  const char *trouble = start(engine, transfer, request, response);
  double now = cdfw_driver_now();
  if (trouble == NULL) {
    run(engine, transfer, now + request->timeout);
  } else {
    cdfw_ending_fail(transfer, CDFW_FAILURE_LOCAL, false, trouble);
    link_finished(engine, transfer);
  }
  int64_t given = transfer->id;
  if (trouble == NULL && request->next.length == 0) let_settle(engine);
  if (trouble == NULL && request->next.length > 0) connect_ahead(engine, request, now);
  engine->asked = now;
  return given;
}

void cdfw_engine_send(cdfw_engine *engine) {
  if (engine->multi != NULL)
    turn(engine);
  else
    cdfw_driver_arm(&engine->driver, due_time(engine));
}

bool cdfw_engine_step(cdfw_engine *engine) {
  leave_to_parent(engine);
  if (engine->multi == NULL) return false;
  cdfw_driver_wait(&engine->driver, 0, NULL);
  if (engine->driver.stirred || due_time(engine) <= cdfw_driver_now()) turn(engine);
  return engine->driver.stirred;
}

static void sleep_for(double seconds) {
  struct timespec time = {(time_t)seconds, 0};
  time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
  nanosleep(&time, NULL);
}

/* Signals are held but while it waits, so that none slips in between a look and the wait. */
static bool wait_until(cdfw_engine *engine, double end) {
  bool interrupted = false;
  sigset_t signals;
  cdfw_signals_hold(&signals);
  settle(engine, cdfw_driver_act(&engine->driver));
  while (engine->finished == NULL && engine->multi != NULL && !interrupted) {
    double until = engine->soonest < end ? engine->soonest : end;
    interrupted = cdfw_driver_wait(&engine->driver, until, &signals);
    settle(engine, cdfw_driver_act(&engine->driver));
    if (engine->finished == NULL && cdfw_driver_now() >= end) break;
  }
  cdfw_signals_release(&signals);
  return interrupted;
}

bool cdfw_engine_wait(cdfw_engine *engine, double seconds) {
  double slice = seconds < SLICE ? seconds : SLICE;
  if (engine->finished != NULL) return false;
  double end = cdfw_driver_now() + slice;
  leave_to_parent(engine);
  if (engine->finished != NULL) return false;
  if (engine->multi != NULL) return wait_until(engine, end);
  if (slice > 0) sleep_for(slice);
  return false;
}

cdfw_transfer *cdfw_engine_take(cdfw_engine *engine) {
  cdfw_transfer *transfer = engine->finished;
  if (transfer == NULL) return NULL;
  engine->finished = transfer->next;
  engine->pending--;
  return transfer;
}

static cdfw_transfer *take_finished(cdfw_engine *engine, int64_t id) {
  cdfw_transfer *previous = NULL, *transfer = engine->finished;
  for (; transfer != NULL && transfer->id != id; transfer = transfer->next)
    previous = transfer;
  if (transfer == NULL) return NULL;
  if (previous != NULL)
    previous->next = transfer->next;
  else
    engine->finished = transfer->next;
  if (engine->last == transfer) engine->last = previous;
  return transfer;
}

static cdfw_transfer *take_running(cdfw_engine *engine, int64_t id) {
  cdfw_transfer *transfer = engine->running;
  while (transfer != NULL && transfer->id != id)
    transfer = transfer->next;
  if (transfer == NULL) return NULL;
  sigset_t signals;
  cdfw_signals_hold(&signals);
  detach(engine, transfer);
  settle(engine, true); /* its place may have gone to another */
  cdfw_signals_release(&signals);
  return transfer;
}

cdfw_transfer *cdfw_engine_cancel(cdfw_engine *engine, int64_t id) {
  leave_to_parent(engine);
  if (id == 0) return NULL; /* of those that only connect, which are nobody's */
  cdfw_transfer *transfer = take_finished(engine, id);
  if (transfer == NULL) transfer = take_running(engine, id);
  if (transfer != NULL) engine->pending--;
  return transfer;
}

static bool may_rest(const cdfw_engine *engine, const cdfw_transfer *transfer) {
  return transfer->easy != NULL && !transfer->spent && transfer->flaw == NULL &&
         engine->resting_count < RESTING_MAX && !cdfw_library_keeps_requests();
}

void cdfw_engine_rest(cdfw_engine *engine, cdfw_transfer *transfer) {
  cdfw_transfer_rest(transfer);
  if (!may_rest(engine, transfer))
    cdfw_transfer_free(transfer);
  else
    link_resting(engine, transfer);
}

/* }==== */

int cdfw_engine_descriptor(cdfw_engine *engine, const char **why) {
  leave_to_parent(engine);
  errno = 0;
  if (!open_multi(engine)) {
    *why = errno != 0 ? strerror(errno) : "libcurl could not be started";
    return -1;
  }
  *why = "this system has no epoll: call step as often as timeout says";
  int descriptor = cdfw_driver_share(&engine->driver);
  cdfw_driver_arm(&engine->driver, due_time(engine));
  return descriptor;
}

double cdfw_engine_timeout(cdfw_engine *engine) {
  leave_to_parent(engine);
  double due = due_time(engine);
  if (due == INFINITY) return -1;
  double wait = due - cdfw_driver_now();
  return wait > 0 ? wait : 0;
}
