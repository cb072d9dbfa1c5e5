/* SPDX-License-Identifier: Apache-2.0
 * Keeps signals away while libcurl works: threads that it starts for looking up names inherit the
 * mask, so the host's handlers go on running in the host's threads only. */
#ifndef CDFW_SIGNALS_H
#define CDFW_SIGNALS_H

#include <signal.h>

/* Blocks every signal of this thread; `before` gets what was blocked already. */
void cdfw_signals_hold(sigset_t *before);
/* Undoes it, and swallows a SIGPIPE raised meanwhile: a TLS library may write to a connection that
   the server has closed, and that must not end the host. */
void cdfw_signals_release(const sigset_t *before);

#endif
