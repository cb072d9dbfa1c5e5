/* SPDX-License-Identifier: Apache-2.0
 * Which certificates a server's chain may end in. To parse all of a system's bundle takes 15 ms of
 * CPU; OpenSSL is handed just those of them that a chain asks for, by the name of an issuer. What
 * is trusted is the bundle, neither more nor less. Where anything is not as it should be, libcurl
 * reads the bundle by itself, as it does with another TLS library. */
#ifndef CDFW_TRUST_H
#define CDFW_TRUST_H

#include "bundle.h"

typedef struct cdfw_trust {
  const char *path;   /* of the bundle, which outlives this; NULL: there is none */
  cdfw_bundle bundle; /* kept as long as handles that use it */
  bool looked;        /* the bundle was looked at */
  bool off;           /* libcurl is to read it by itself, from now on */
} cdfw_trust;

struct cdfw_transfer;

/* Before a request by https: has the transfer take what it needs from the bundle, where that is
   possible and pays. */
void cdfw_trust_offer(struct cdfw_transfer *transfer);
/* Undoes it where it has turned out to be impossible. */
void cdfw_trust_withdraw(struct cdfw_transfer *transfer);
/* After all that used it: the bundle is freed, the trust as new. */
void cdfw_trust_free(cdfw_trust *trust);

#endif
