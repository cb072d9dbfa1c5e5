/* SPDX-License-Identifier: Apache-2.0
 * Signals around libcurl; see signals.h. */
#define _POSIX_C_SOURCE 200809L
#include "signals.h"

#include <stddef.h>

void cdfw_signals_hold(sigset_t *before) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, before);
}

static void swallow_sigpipe(void) {
  sigset_t pending, pipe;
  int received;
  sigpending(&pending);
  if (sigismember(&pending, SIGPIPE) != 1) return;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  sigwait(&pipe, &received);
}

void cdfw_signals_release(const sigset_t *before) {
  /* Where the host blocks SIGPIPE itself, one that is pending may be its own. */
  if (sigismember(before, SIGPIPE) == 0) swallow_sigpipe();
  pthread_sigmask(SIG_SETMASK, before, NULL);
}
