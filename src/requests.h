/* SPDX-License-Identifier: Apache-2.0
 * Builds the HTTP request of each phase of a call: token, session, the call itself, look, revoke.
 */
#ifndef CDFW_REQUESTS_H
#define CDFW_REQUESTS_H

#include "call.h"

/* The request of the call's phase, but for its times. False without memory or room. */
bool cdfw_requests_build(const cdfw_call *call, cdfw_request *request);
/* The caller's headers for the request of this phase, which take the place of ours. */
const cdfw_buffer *cdfw_requests_given_headers(const cdfw_call *call);

#endif
