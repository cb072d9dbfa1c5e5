/* SPDX-License-Identifier: Apache-2.0
 * A small HTTP server in a process of its own, so that its memory is not the tortured one. */
#ifndef CDFW_TORTURE_STUB_H
#define CDFW_TORTURE_STUB_H

#include <sys/types.h>

/* Starts it on a free port of 127.0.0.1 and sets the port; answers the process, or -1. */
pid_t stub_start(int *port);
void stub_stop(pid_t process);

#endif
