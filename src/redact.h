/* SPDX-License-Identifier: Apache-2.0
 * Requests as an event shows them: what is secret by its name is replaced, in headers and in
 * bodies. Knows nothing of Lua, nor which values are secret. */
#ifndef CDFW_REDACT_H
#define CDFW_REDACT_H

#include "message.h"

/* Stands where something secret stood. */
#define CDFW_REDACTED "[redacted]"

/* Whether a header, form field or JSON member of this name holds something secret: clientSecret,
   client_secret, Authorization, x-api-key, … */
bool cdfw_redact_is_secret(const char *name, size_t length);

/* Adds the body: JSON and forms with the secret values replaced, anything else as "[12 bytes]".
   False when there is no memory. */
bool cdfw_redact_body(const cdfw_request *request, cdfw_buffer *out);

#endif
