/* SPDX-License-Identifier: Apache-2.0
 * Waiting on systems without epoll; see driver.h. libcurl polls its sockets itself, so there is no
 * one descriptor to hand out, and a step costs more the more transfers are under way. */
#define _POSIX_C_SOURCE 200809L
#include "driver.h"

#if !CDFW_HAS_EPOLL

#include <curl/curl.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LONG_WAIT = 60000 /* ms; callers wait in slices anyway */ };

double cdfw_driver_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

bool cdfw_driver_open(cdfw_driver *driver, void *multi) {
  driver->multi = multi;
  return true;
}

void cdfw_driver_close(cdfw_driver *driver) {
  driver->multi = NULL;
}

/* The child keeps its copies of the sockets open until it ends: they are not known here. */
void cdfw_driver_abandon(cdfw_driver *driver) {
  driver->multi = NULL;
}

bool cdfw_driver_act(cdfw_driver *driver) {
  int running;
  driver->idle_records = 0;
  return curl_multi_perform(driver->multi, &running) == CURLM_OK;
}

/* curl_multi_poll does not tell of signals, but one ends it early; so every wait counts as cut
   short, and Lua gets its turn after each. */
bool cdfw_driver_wait(cdfw_driver *driver, double end, const void *before) {
  sigset_t held;
  double wait = end > 0 ? (end - cdfw_driver_now()) * 1e3 : 0;
  int milliseconds = !(wait > 0) ? 0 : wait < LONG_WAIT ? (int)wait + 1 : LONG_WAIT;
  driver->stirred = true;
  if (before != NULL) {
    sigset_t let = *(const sigset_t *)before;
    sigaddset(&let, SIGPIPE); /* of ours, perhaps, and pending */
    pthread_sigmask(SIG_SETMASK, &let, &held);
  }
  if (milliseconds > 0) curl_multi_poll(driver->multi, NULL, 0, milliseconds, NULL);
  if (before != NULL) pthread_sigmask(SIG_SETMASK, &held, NULL);
  return true;
}

double cdfw_driver_due(const cdfw_driver *driver) {
  long milliseconds = -1;
  curl_multi_timeout(driver->multi, &milliseconds);
  return milliseconds < 0 ? INFINITY : cdfw_driver_now() + (double)milliseconds / 1e3;
}

void cdfw_driver_put_off(cdfw_driver *driver, double due) {
  (void)driver;
  (void)due;
}

int cdfw_driver_share(cdfw_driver *driver) {
  (void)driver;
  return -1;
}

void cdfw_driver_arm(cdfw_driver *driver, double due) {
  (void)driver;
  (void)due;
}

int cdfw_driver_socket(cdfw_driver *driver, int family, int type, int protocol) {
  (void)driver;
  int descriptor = socket(family, type, protocol);
  if (descriptor >= 0) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return descriptor;
}

int cdfw_driver_release(cdfw_driver *driver, int descriptor) {
  (void)driver;
  return close(descriptor);
}

#else

/* A translation unit may not be empty. */
typedef int cdfw_driver_poll_unused;

#endif
