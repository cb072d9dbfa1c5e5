/* SPDX-License-Identifier: Apache-2.0
 * Makes the call that starts a run, or nil and an error before anything is sent. */
#ifndef CDFW_RUN_H
#define CDFW_RUN_H

#include "compat.h"

/* core.run(client, workflow_external_id, version, options): { input =, metadata =, nonce =,
   client_credentials =, session =, request_id =, timeout = } */
int cdfw_run_run(lua_State *L);

#endif
