/* SPDX-License-Identifier: Apache-2.0
 * Which process this is, to be asked often: a forked child must leave alone what is its parent's.
 * Knows nothing of Lua. */
#ifndef CDFW_PROCESS_H
#define CDFW_PROCESS_H

/* What getpid gives, without a system call where that can be had. */
long cdfw_process_id(void);

#endif
