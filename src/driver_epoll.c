/* SPDX-License-Identifier: Apache-2.0
 * Waiting on Linux; see driver.h. System calls are saved where it is safe: an idle connection stays
 * registered until it stirs, and the alarm is only ever moved to an earlier time. */
#define _GNU_SOURCE
#include "driver.h"

#if CDFW_HAS_EPOLL

#include <curl/curl.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
  BATCH = 64, /* events a round: bounds the work of one step */
  TURNS = 8,  /* turns that libcurl may ask for in a row */
  FIRST_ROOM = 64,
  LONG_WAIT = 60000 /* ms; callers wait in slices anyway */
};

struct cdfw_socket {
  unsigned char wanted;  /* EPOLLIN, EPOLLOUT: what libcurl waits for */
  unsigned char watched; /* the same, as epoll knows it */
  bool ours;             /* opened and closed through this file, so no close goes unnoticed */
  ino_t inode;           /* of ours: tells it from a later file of the same number */
};

double cdfw_driver_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* {==== Sockets ==== */

static cdfw_socket *known_socket(const cdfw_driver *driver, int descriptor) {
  return (size_t)descriptor < driver->socket_room ? &driver->sockets[descriptor] : NULL;
}

/* The record of a descriptor, made if need be; NULL when there is no memory. */
static cdfw_socket *socket_record(cdfw_driver *driver, int descriptor) {
  size_t room = driver->socket_room > 0 ? driver->socket_room : FIRST_ROOM;
  while (room <= (size_t)descriptor)
    room *= 2;
  if (room > driver->socket_room) {
    cdfw_socket *grown = realloc(driver->sockets, room * sizeof *grown);
    if (grown == NULL) return NULL;
    memset(grown + driver->socket_room, 0, (room - driver->socket_room) * sizeof *grown);
    driver->sockets = grown;
    driver->socket_room = room;
  }
  return &driver->sockets[descriptor];
}

static bool watch(cdfw_driver *driver, int descriptor, cdfw_socket *record, unsigned char events) {
  struct epoll_event event = {.events = events, .data.fd = descriptor};
  int change = record->watched == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  bool done = epoll_ctl(driver->epoll, change, descriptor, &event) == 0 || change == EPOLL_CTL_DEL;
  if (done) record->watched = events;
  return done;
}

/* libcurl says what it waits for on a socket. */
static int on_socket(CURL *easy, curl_socket_t descriptor, int what, void *user, void *unused) {
  (void)easy;
  (void)unused;
  cdfw_driver *driver = user;
  cdfw_socket *record = socket_record(driver, descriptor);
  if (record == NULL) return -1;
  bool in = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
  bool out = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
  record->wanted = (unsigned char)((in ? EPOLLIN : 0) | (out ? EPOLLOUT : 0));
  if (record->wanted == record->watched) return 0;
  /* A kept connection falls idle between requests; most likely it is wanted again as it is. */
  if (record->wanted == 0 && record->ours && record->watched == EPOLLIN) return 0;
  return watch(driver, descriptor, record, record->wanted) ? 0 : -1;
}

int cdfw_driver_socket(cdfw_driver *driver, int family, int type, int protocol) {
  int descriptor = socket(family, type | SOCK_CLOEXEC, protocol);
  if (descriptor < 0) return -1;
  struct stat status;
  cdfw_socket *record = socket_record(driver, descriptor);
  if (record == NULL || fstat(descriptor, &status) != 0) {
    close(descriptor);
    errno = ENOMEM;
    return -1;
  }
  *record = (cdfw_socket){.ours = true, .inode = status.st_ino};
  return descriptor;
}

int cdfw_driver_release(cdfw_driver *driver, int descriptor) {
  cdfw_socket *record = known_socket(driver, descriptor);
  if (record != NULL) {
    /* close() alone would leave the registration to a copy that a forked child may hold. */
    if (record->watched != 0) watch(driver, descriptor, record, 0);
    memset(record, 0, sizeof *record);
  }
  return close(descriptor);
}

/* }==== */

/* {==== Opening and closing ==== */

static int on_timer(CURLM *multi, long milliseconds, void *user) {
  (void)multi;
  cdfw_driver *driver = user;
  driver->due = milliseconds < 0 ? INFINITY : cdfw_driver_now() + (double)milliseconds / 1e3;
  return 0;
}

static bool open_descriptors(cdfw_driver *driver) {
  struct epoll_event event = {.events = EPOLLIN};
  driver->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (driver->epoll < 0) return false;
  driver->alarm = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  event.data.fd = driver->alarm;
  if (driver->alarm >= 0 && epoll_ctl(driver->epoll, EPOLL_CTL_ADD, driver->alarm, &event) == 0)
    return true;
  if (driver->alarm >= 0) close(driver->alarm);
  close(driver->epoll);
  return false;
}

bool cdfw_driver_open(cdfw_driver *driver, void *multi) {
  if (!driver->open) {
    if (!open_descriptors(driver)) return false;
    driver->open = true;
    driver->alarm_time = INFINITY;
  }
  driver->multi = multi;
  driver->due = INFINITY;
  return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, driver) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
         curl_multi_setopt(multi, CURLMOPT_TIMERDATA, driver) == CURLM_OK;
}

void cdfw_driver_close(cdfw_driver *driver) {
  if (!driver->open) return;
  close(driver->alarm);
  close(driver->epoll);
  free(driver->sockets);
  memset(driver, 0, sizeof *driver);
}

static bool still_ours(int descriptor, const cdfw_socket *record) {
  struct stat status;
  return record->ours && fstat(descriptor, &status) == 0 && S_ISSOCK(status.st_mode) &&
         status.st_ino == record->inode;
}

/* A child may have closed everything it inherited and opened other files under the same numbers.
   Sockets are told by their inode; epoll and alarm by epoll knowing the alarm, which setting it
   again to what it is shows without a change for the parent. */
void cdfw_driver_abandon(cdfw_driver *driver) {
  if (!driver->open) return;
  struct epoll_event event = {.events = EPOLLIN, .data.fd = driver->alarm};
  if (epoll_ctl(driver->epoll, EPOLL_CTL_MOD, driver->alarm, &event) == 0) {
    close(driver->epoll);
    close(driver->alarm);
  }
  for (size_t i = 0; i < driver->socket_room; i++)
    if (still_ours((int)i, &driver->sockets[i])) close((int)i);
  free(driver->sockets);
  memset(driver, 0, sizeof *driver);
}

/* }==== */

/* {==== Turns ==== */

static bool act(cdfw_driver *driver, curl_socket_t descriptor, int flags) {
  int running;
  return curl_multi_socket_action(driver->multi, descriptor, flags, &running) == CURLM_OK;
}

static bool act_on_event(cdfw_driver *driver, const struct epoll_event *event) {
  int descriptor = event->data.fd;
  cdfw_socket *record = known_socket(driver, descriptor);
  if (descriptor == driver->alarm) {
    driver->alarm_time = -1;
    return true;
  }
  if (record == NULL || record->watched == 0) return true; /* gone within this batch */
  if (record->wanted == 0) return watch(driver, descriptor, record, 0);
  /* Said to be writable even if it is not, which costs a failed attempt at most. When the answer to
     a handshake was all that came, libcurl would send an HTTP/2 request's head in this turn and its
     body in the next; a server that answers heads only closes the stream in between, and libcurl
     7.88 then loses the answer. */
  int flags = (event->events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | CURL_CSELECT_OUT |
              (event->events & EPOLLERR ? CURL_CSELECT_ERR : 0);
  return act(driver, descriptor, flags);
}

static bool is_due(const cdfw_driver *driver) {
  return driver->due < INFINITY && driver->due <= cdfw_driver_now();
}

static bool act_on_time(cdfw_driver *driver) {
  for (int turn = 0; turn < TURNS && is_due(driver); turn++) {
    long milliseconds;
    driver->due = INFINITY;
    if (!act(driver, CURL_SOCKET_TIMEOUT, 0)) return false;
    /* libcurl is silent about a time that it told before. */
    if (driver->due == INFINITY && curl_multi_timeout(driver->multi, &milliseconds) == CURLM_OK)
      on_timer(driver->multi, milliseconds, driver);
  }
  return true;
}

bool cdfw_driver_act(cdfw_driver *driver) {
  int count = driver->event_count;
  driver->event_count = 0;
  driver->idle_records = 0;
  for (int i = 0; i < count; i++)
    if (!act_on_event(driver, &driver->events[i])) return false;
  return act_on_time(driver);
}

static int wait_milliseconds(const cdfw_driver *driver, double end) {
  double until = end < driver->due ? end : driver->due;
  double wait = (until - cdfw_driver_now()) * 1e3;
  if (!(wait > 0)) return 0;
  return wait < LONG_WAIT ? (int)wait + 1 : LONG_WAIT;
}

bool cdfw_driver_wait(cdfw_driver *driver, double end, const void *before) {
  int wait = end > 0 ? wait_milliseconds(driver, end) : 0;
  int count;
  if (before != NULL) {
    sigset_t held = *(const sigset_t *)before;
    sigaddset(&held, SIGPIPE); /* of ours, perhaps, and pending */
    count = epoll_pwait(driver->epoll, driver->events, CDFW_DRIVER_BATCH, wait, &held);
  } else {
    count = epoll_wait(driver->epoll, driver->events, CDFW_DRIVER_BATCH, wait);
  }
  driver->event_count = count > 0 ? count : 0;
  driver->stirred = count > 0;
  return count < 0 && errno == EINTR;
}

/* }==== */

/* {==== For a host that polls ==== */

double cdfw_driver_due(const cdfw_driver *driver) {
  return driver->due;
}

void cdfw_driver_put_off(cdfw_driver *driver, double due) {
  if (driver->due < due) driver->due = due;
}

int cdfw_driver_share(cdfw_driver *driver) {
  driver->shared = true;
  return driver->epoll;
}

void cdfw_driver_arm(cdfw_driver *driver, double due) {
  if (!driver->shared) return;
  bool rung = driver->alarm_time < 0;
  if (!rung && driver->alarm_time <= due) return; /* an early alarm costs one idle step */
  struct itimerspec alarm = {{0, 0}, {0, 0}};
  if (due < INFINITY) {
    alarm.it_value.tv_sec = (time_t)due;
    alarm.it_value.tv_nsec = (long)((due - (double)alarm.it_value.tv_sec) * 1e9);
  }
  timerfd_settime(driver->alarm, TFD_TIMER_ABSTIME, &alarm, NULL);
  driver->alarm_time = due;
}

/* }==== */

#endif
