/* SPDX-License-Identifier: Apache-2.0
 * What libcurl calls while a transfer is under way: it takes the answer, opens the sockets, and
 * sees to it that nothing is sent twice. No Lua in here. */
#ifndef CDFW_FLIGHT_H
#define CDFW_FLIGHT_H

#include "transfer.h"

/* Sets the callbacks of a new easy handle; false when this libcurl does not take one. */
bool cdfw_flight_prepare(cdfw_transfer *transfer);
/* Has them told of this transfer, whose easy handle may have been another's; false likewise. */
bool cdfw_flight_attach(cdfw_transfer *transfer);
/* Makes what libcurl tells fit the request that is about to start. */
void cdfw_flight_begin(cdfw_transfer *transfer);
/* Whether any byte of a request has gone out, a proxy's CONNECT included. */
bool cdfw_flight_sent_bytes(const cdfw_transfer *transfer);

#endif
