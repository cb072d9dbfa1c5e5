/* SPDX-License-Identifier: Apache-2.0
 * Waits for libcurl's sockets and timers and gives libcurl its turns: epoll and timerfd on Linux,
 * curl_multi_poll elsewhere. Knows nothing of Lua, requests or answers. */
#ifndef CDFW_DRIVER_H
#define CDFW_DRIVER_H

#include <stdbool.h>
#include <stddef.h>

/* CDFW_PORTABLE chooses the way of other systems on Linux too, for trying it out. */
#if defined(__linux__) && !defined(CDFW_PORTABLE)
#define CDFW_HAS_EPOLL 1
#else
#define CDFW_HAS_EPOLL 0
#endif

#if CDFW_HAS_EPOLL
#include <sys/epoll.h>
#endif

enum { CDFW_DRIVER_BATCH = 64 /* events a turn: bounds the work of one step */ };

typedef struct cdfw_socket cdfw_socket;

typedef struct cdfw_driver {
  void *multi;           /* CURLM */
  unsigned idle_records; /* in this turn, since something of an answer came; its users count */
  bool stirred;          /* the latest wait found something, or cannot tell */
#if CDFW_HAS_EPOLL
  bool open;            /* the descriptors are there */
  int epoll;            /* holds the sockets and the alarm */
  int alarm;            /* timerfd, so that a host need only poll `epoll` */
  double due;           /* when libcurl wants its turn; infinite: not for now */
  double alarm_time;    /* when the alarm rings; infinite: never; negative: it has rung */
  bool shared;          /* the host polls `epoll`: keep the alarm set */
  cdfw_socket *sockets; /* by descriptor */
  size_t socket_room;
  struct epoll_event events[CDFW_DRIVER_BATCH]; /* what the latest wait found */
  int event_count;                              /* of them not yet acted on */
#endif
} cdfw_driver;

/* Connects the driver and `multi`; makes what waiting needs unless it is there. False with errno
 * set. */
bool cdfw_driver_open(cdfw_driver *driver, void *multi);
/* Gives back what waiting needs, after curl_multi_cleanup. Does nothing when closed. */
void cdfw_driver_close(cdfw_driver *driver);
/* In a forked child: closes this process's copies of the descriptors, leaves the connections be. */
void cdfw_driver_abandon(cdfw_driver *driver);

/* Waits for sockets and timers until `end` at most; 0: just looks. Where signals are held, those
   that were not (`before`: the sigset_t of then, or NULL) come through meanwhile. → whether a
   signal cut it short */
bool cdfw_driver_wait(cdfw_driver *driver, double end, const void *before);
/* Gives libcurl its turns for what the wait found, and for times that have come; false when libcurl
   is broken beyond repair. Signals are to be held meanwhile. */
bool cdfw_driver_act(cdfw_driver *driver);
/* When libcurl wants its turn even if no socket stirs; infinite: never. */
double cdfw_driver_due(const cdfw_driver *driver);
/* Has libcurl's turn wait until then; a comfort, which not every driver has. */
void cdfw_driver_put_off(cdfw_driver *driver, double due);
/* The one descriptor that a host can poll, from now on kept up to date; -1: not on this system. */
int cdfw_driver_share(cdfw_driver *driver);
/* Makes that descriptor stir at `due` at the latest; to be called before the host gets control. */
void cdfw_driver_arm(cdfw_driver *driver, double due);

/* socket() and close() for libcurl. */
int cdfw_driver_socket(cdfw_driver *driver, int family, int type, int protocol);
int cdfw_driver_release(cdfw_driver *driver, int descriptor);

/* Seconds on the clock that libcurl and the alarm go by, which stops while the machine sleeps. */
double cdfw_driver_now(void);

#endif
